//! The interactive shop's door.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use etcetera::BaseStrategy as _;

use crate::app::Screen;
use crate::autopilot::Settings;
use crate::autopilot::cockpit::Cockpit;
use crate::autopilot::pane::AutopilotPane;
use crate::cli::Cli;
use crate::commands::{Error, Exit};
use crate::{place, runtime};

/// Opens the shop in this terminal and stays until the customer leaves.
///
/// # Errors
/// [`Error::Usage`] where there is no terminal.
pub async fn open(cli: &Cli) -> Result<Exit, Error> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        let advice = "the shop needs a terminal; for scripts there are commands, like `bookstore topics` and \
                      `bookstore --json lookup 2` (see `bookstore --help`)";
        return Err(Error::Usage(advice.to_owned()));
    }
    let data_folder = data_folder()?;
    let place = place::find(cli).await?;
    let cockpit = Cockpit::new(place.shop.clone(), Settings::default());
    let left = runtime::run(runtime::Options {
        shop: place.shop.clone(),
        place: place.name.clone(),
        ended: place.ended(),
        theme: cli.look.theme(),
        ascii: cli.look.ascii,
        reduced_motion: cli.look.reduced_motion,
        mouse: !cli.look.no_mouse,
        data_folder,
        screen: Screen::Shop,
        notices: place.note.iter().cloned().collect(),
        autopilot: Some(Box::new(AutopilotPane::new(cockpit))),
    })
    .await;
    place.leave().await;
    left?;
    Ok(Exit::Done)
}

/// Where the orders are kept: in the user's data folder, whatever shop they were placed at.
fn data_folder() -> Result<PathBuf, Error> {
    let folders = etcetera::choose_base_strategy()
        .map_err(|_| Error::Usage("no home folder is known, where the orders are to be kept".to_owned()))?;
    Ok(folders.data_dir().join("bookstore"))
}
