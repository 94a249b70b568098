//! The rules of a receipt, given the ordered lines.

use common::money::Total;
use common::wire::{OrderLine, OrderStatus, Receipt, ReceiptLine};

use crate::Violation;

/// Checks that a receipt has the ordered lines, that its lines are consecutive entries, and that its totals add up.
pub fn check_receipt(receipt: &Receipt, ordered: &[OrderLine]) -> Option<Violation> {
    let lines = &receipt.lines;
    let is_ordered =
        |(line, ordered): (&ReceiptLine, &OrderLine)| (line.item, line.quantity) == (ordered.item, ordered.quantity);
    if lines.len() != ordered.len() || !lines.iter().zip(ordered).all(is_ordered) {
        return Some(Violation::OtherLines);
    }
    let follow = |pair: &[ReceiptLine]| pair[1].seq == pair[0].seq.next();
    if !lines.windows(2).all(follow) || lines.last().is_some_and(|last| last.seq != receipt.seq) {
        return Some(Violation::ScatteredLines);
    }
    let line_totals = lines.iter().map(|line| (line.total, line_total(line, receipt.status)));
    let sum = lines.iter().map(|line| line.total).sum();
    let mut totals = line_totals.chain([(receipt.total, sum)]);
    let (stated, expected) = totals.find(|(stated, expected)| stated != expected)?;
    Some(Violation::WrongTotal { stated, expected })
}

/// The total of a line; zero for a refused line and for a sale without a price.
fn line_total(line: &ReceiptLine, status: OrderStatus) -> Total {
    let cost = line.cost.filter(|_| status == OrderStatus::Sold);
    cost.map_or(Total::ZERO, |cost| cost.times(line.quantity))
}

#[cfg(test)]
mod tests {
    use common::{Cost, InlineVec, ItemNumber, OrderId, Quantity, Seq, Timestamp};

    use super::*;

    /// A receipt of one copy of the books 1 and 2.
    fn receipt() -> (Receipt, Vec<OrderLine>) {
        let line = |number: u64| {
            let cost = Cost::try_from(number * 100).unwrap();
            ReceiptLine {
                item: ItemNumber::try_from(number).unwrap(),
                title: None,
                quantity: Quantity::ONE,
                cost: Some(cost),
                total: cost.times(Quantity::ONE),
                stock: None,
                seq: Seq(7 + number),
                reason: None,
            }
        };
        let lines: InlineVec<ReceiptLine> = [1, 2].map(line).into_iter().collect();
        let ordered = lines
            .iter()
            .map(|&ReceiptLine { item, quantity, .. }| OrderLine { item, quantity });
        let ordered = ordered.collect();
        let receipt = Receipt {
            order: OrderId::generate(),
            status: OrderStatus::Sold,
            total: "3.00".parse().unwrap(),
            lines,
            seq: Seq(9),
            at: Timestamp::from_micros(0),
        };
        (receipt, ordered)
    }

    #[test]
    fn a_receipt_is_checked_against_the_order_and_its_own_lines() {
        let (sound, ordered) = receipt();
        assert_eq!(check_receipt(&sound, &ordered), None);
        assert_eq!(check_receipt(&sound, &ordered[..1]), Some(Violation::OtherLines));
        type Change = fn(&mut Receipt);
        let changes: [(&str, Change); 6] = [
            ("other lines", |receipt| {
                receipt.lines[1].quantity = 2.try_into().unwrap();
            }),
            ("other lines", |receipt| drop(receipt.lines.pop())),
            ("consecutive", |receipt| receipt.lines[0].seq = Seq(5)),
            ("consecutive", |receipt| receipt.seq = Seq(10)),
            ("a total of 2.00 instead of 2.01", |receipt| {
                receipt.lines[1].cost = "2.01".parse().ok();
            }),
            ("a total of 3.01 instead of 3.00", |receipt| {
                receipt.total = "3.01".parse().unwrap();
            }),
        ];
        for (words, change) in changes {
            let mut receipt = sound.clone();
            change(&mut receipt);
            let found = check_receipt(&receipt, &ordered).unwrap().to_string();
            assert!(found.contains(words), "{words}: {found}");
        }
    }

    #[test]
    fn a_refused_order_costs_nothing() {
        let (mut refused, ordered) = receipt();
        refused.status = OrderStatus::Refused;
        assert!(matches!(
            check_receipt(&refused, &ordered),
            Some(Violation::WrongTotal { .. })
        ));
        refused.lines.iter_mut().for_each(|line| line.total = Total::ZERO);
        refused.total = Total::ZERO;
        assert_eq!(check_receipt(&refused, &ordered), None);
    }
}
