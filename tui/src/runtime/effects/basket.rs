//! Reading and writing the basket's file.

use std::sync::Arc;

use common::StoreId;
use tokio::sync::mpsc;

use super::EffectRunner;
use crate::basket_file::{self, BasketChange, BasketFile, SavedBasket};
use crate::message::Event;

impl EffectRunner {
    /// Reads the basket of a store. Later effects use this store's basket.
    pub(in crate::runtime) fn load_basket(&mut self, store: StoreId) {
        let file = Arc::new(BasketFile::new(&self.location.folder, store));
        self.basket = Some(Basket { store, file });
        self.read_basket();
    }

    pub(in crate::runtime) fn read_basket(&self) {
        if let Some(basket) = &self.basket {
            tokio::spawn(basket.clone().read(self.events.clone()));
        }
    }

    pub(in crate::runtime) fn save_basket(&self, change: BasketChange) {
        let Some(basket) = self.basket.clone() else { return };
        let events = self.events.clone();
        self.writes.spawn(async move {
            match write(&basket.file, change).await {
                Ok(()) => {}
                Err(basket_file::Error::Conflict) => basket.read(events).await,
                Err(error) => {
                    let notice = format!("The basket could not be saved: {error}");
                    let _ = events.send(Event::Notice(notice)).await;
                }
            }
        });
    }
}

/// The basket of a store on disk.
#[derive(Debug, Clone)]
pub(super) struct Basket {
    store: StoreId,
    pub(super) file: Arc<BasketFile>,
}

impl Basket {
    /// Reads the file, and sends the basket if the file has changed.
    async fn read(self, events: mpsc::Sender<Event>) {
        let Self { store, file } = self;
        let Ok(Some((generation, read))) = tokio::task::spawn_blocking(move || file.read()).await else {
            return;
        };
        let result = match read {
            Err(error @ basket_file::Error::Damaged(_)) => {
                let _ = events.send(Event::Notice(error.to_string())).await;
                Ok(SavedBasket::default())
            }
            read => read.map_err(|error| error.to_string()),
        };
        let event = Event::BasketRead {
            store,
            generation,
            result,
        };
        let _ = events.send(event).await;
    }
}

pub(super) async fn write(file: &Arc<BasketFile>, change: BasketChange) -> Result<(), basket_file::Error> {
    let file = Arc::clone(file);
    let written = tokio::task::spawn_blocking(move || file.write(&change)).await;
    // The task fails only while the program exits; then nothing may be sent.
    written.unwrap_or(Err(basket_file::Error::Conflict))
}
