//! Plans over the four books.

use common::Quantity;

use super::super::sample::tests::four_books;
use super::*;

fn plans(seed: u64, sample: &BookSample) -> Plans {
    plans_of_baskets(seed, "1", sample)
}

fn plans_of_baskets(seed: u64, basket: &str, sample: &BookSample) -> Plans {
    let settings = Settings {
        seed,
        basket: basket.parse().unwrap(),
        ..Settings::default()
    };
    Plans::new(&settings, Arc::new(sample.clone()))
}

/// The baskets of a plan.
fn baskets(plans: &Plans) -> Vec<OrderLines> {
    let buy = |operation| match operation {
        Operation::Buy(lines) => Some(lines),
        Operation::Search { .. } | Operation::Lookup { .. } => None,
    };
    plans.of(0).take(30_000).filter_map(buy).collect()
}

fn plan(seed: u64, shopper: u32, sample: &BookSample) -> Vec<Operation> {
    plans(seed, sample).of(shopper).take(1_000).collect()
}

#[test]
fn a_plan_depends_on_seed_and_shopper_and_not_on_stocks() {
    let sample = four_books();
    assert_eq!(plan(1, 0, &sample), plan(1, 0, &sample));
    assert_ne!(plan(1, 0, &sample), plan(2, 0, &sample));
    assert_ne!(plan(1, 0, &sample), plan(1, 1, &sample));
    let mut stocked = sample.clone();
    for book in &mut stocked.books {
        book.stock = common::Stock::ZERO;
    }
    assert_eq!(plan(1, 0, &sample), plan(1, 0, &stocked), "a stock changed the plan");
}

#[test]
fn kinds_and_books_are_as_likely_as_the_mix_says() {
    let sample = four_books();
    let operations: Vec<_> = plans(7, &sample).of(0).take(30_000).collect();
    for kind in OperationKind::ALL {
        let count = operations.iter().filter(|operation| operation.kind() == kind).count();
        assert!((9_500..10_500).contains(&count), "{kind:?}: {count}");
    }
    for book in &sample.books {
        let buy = Operation::Buy(OrderLines::one(book.item, Quantity::ONE));
        let count = operations.iter().filter(|operation| **operation == buy).count();
        assert!((2_250..2_750).contains(&count), "{buy:?}: {count}");
    }
}

#[test]
fn a_written_plan_names_shopper_step_and_operation() {
    let sample = four_books();
    let mut out = Vec::new();
    plans(1, &sample).write(&mut out, 2).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 20_000);
    // A seed must always give the same plan: these lines may never change.
    let first: Vec<_> = text.lines().take(4).collect();
    insta::assert_snapshot!(first.join("\n"));
}

#[test]
fn a_written_plan_of_baskets_has_the_bodies_of_its_requests() {
    let sample = four_books();
    let mut out = Vec::new();
    plans_of_baskets(1, "1..3", &sample).write(&mut out, 1).unwrap();
    let text = String::from_utf8(out).unwrap();
    // A seed must always give the same plan: these lines may never change.
    let first: Vec<_> = text.lines().filter(|line| line.contains("buy")).take(6).collect();
    insta::assert_snapshot!(first.join("\n"));
}

#[test]
fn a_basket_has_as_many_different_books_as_its_range_says_and_the_shop_has() {
    let sample = four_books();
    let plan = baskets(&plans_of_baskets(7, "1..3", &sample));
    assert_eq!(plan, baskets(&plans_of_baskets(7, "1..3", &sample)));
    for lines in 1..=3 {
        let count = plan.iter().filter(|basket| basket.len() == lines).count();
        assert!((3_000..3_700).contains(&count), "{lines}: {count}");
    }
    for book in &sample.books {
        let ordered = |basket: &&OrderLines| basket.iter().any(|line| line.item == book.item);
        let count = plan.iter().filter(ordered).count();
        // On average two of the four books.
        assert!((4_700..5_300).contains(&count), "{}: {count}", book.item);
    }
    let all = baskets(&plans_of_baskets(7, "20", &sample));
    assert!(all.iter().all(|basket| basket.len() == 4));
}

#[test]
fn different_plans_have_different_fingerprints() {
    let sample = four_books();
    let name = |seed| plans(seed, &sample).fingerprint();
    assert_eq!(name(1), name(1));
    assert_ne!(name(1), name(2));
    let mut popular = plans(1, &sample);
    popular.popularity = Popularity::Zipf(1.0);
    assert_ne!(name(1), popular.fingerprint());
    assert_ne!(name(1), plans_of_baskets(1, "2", &sample).fingerprint());
    assert_ne!(
        plans_of_baskets(1, "1..2", &sample).fingerprint(),
        plans_of_baskets(1, "2", &sample).fingerprint()
    );
}

#[test]
fn popularity_changes_the_books_and_not_the_kinds() {
    let sample = four_books();
    let settings = Settings {
        seed: 1,
        popularity: Popularity::Zipf(1.0),
        ..Settings::default()
    };
    let popular = Plans::new(&settings, Arc::new(sample.clone()));
    let popular: Vec<_> = popular.of(0).take(1_000).collect();
    let kinds = |plan: &[Operation]| plan.iter().map(Operation::kind).collect::<Vec<_>>();
    assert_eq!(kinds(&popular), kinds(&plan(1, 0, &sample)));
    let wanted = |item| {
        let first = |operation: &&Operation| matches!(operation, Operation::Lookup { item: of } if of.get() == item);
        popular.iter().filter(first).count()
    };
    assert!(wanted(1) > wanted(2) && wanted(2) > wanted(4));
}
