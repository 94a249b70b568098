//! The client of an order service in the same process.

use common::client::{AsOf, Call, Freshness, Orders, Placed, PlacedOrder};
use common::wire::{Order, Receipt};
use common::{OrderId, Problem, limits};
use futures::FutureExt;

use super::OrderService;
use crate::in_process::InProcess;

impl Orders for InProcess<OrderService> {
    fn place(&self, order: Order) -> Call<'_, Placed> {
        let call = async move {
            Ok::<_, Problem>(Placed {
                result: PlacedOrder::Result(self.service.place(order).await),
                position: self.service.head(),
                written: None,
            })
        };
        // Without a limit: `place` ends soon after the order's deadline.
        self.call(None, call).boxed()
    }

    fn find_order(&self, order: OrderId, fresh: Freshness) -> Call<'_, AsOf<Option<Receipt>>> {
        self.call(limits::HTTP_READ_TIMEOUT, self.service.find(order, fresh))
            .boxed()
    }
}
