//! The journal of orders, which all screens and commands of a user share.
#![cfg(unix)]

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::front_end::{FrontEnd, Reply, exit_and_output};
use crate::screen::Home;
use crate::sessions::open_local;
use crate::test_shop::{Fault, problem, shop};

const KEY: &str = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e";

fn output_of(home: &Home, arguments: &str) -> String {
    let (code, out, err) = exit_and_output(&home.bookstore(arguments));
    assert_eq!(code, 0, "{arguments}: {err}");
    out
}

fn orders(home: &Home) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&output_of(home, "orders --json")).unwrap();
    listed["orders"].as_array().unwrap().clone()
}

#[test]
fn purchases_of_commands_are_listed_with_their_store() {
    let home = Home::new();
    assert_eq!(output_of(&home, "orders"), "");
    output_of(&home, "buy 2 --quantity 3");
    output_of(&home, "buy 1 4:2");
    assert_eq!(exit_and_output(&home.bookstore("buy 1 --quantity 100 --json")).0, 0);
    let remote = shop(9, Fault::SoldOut);
    let refused = home.bookstore(&format!("--url {} buy 2 --key {KEY}", remote.url()));
    assert_eq!(exit_and_output(&refused).0, 1);
    let listed = orders(&home);
    let own = format!("csv:{}", home.store().display());
    let field = |name: &str| listed.iter().map(|order| order[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("status"), ["refused", "sold", "sold", "sold"]);
    assert_eq!(field("total"), ["0.00", "3000.00", "330.00", "120.00"]);
    assert_eq!(field("store"), [remote.url(), &own, &own, &own]);
    assert!(listed[1]["store_id"].is_string() && listed[1]["store_id"] == listed[3]["store_id"]);
    assert_eq!(
        (&listed[0]["order"], &listed[0]["reason"]),
        (&KEY.into(), &"sold-out".into())
    );
    assert_eq!(listed[2]["lines"].as_array().unwrap().len(), 2);
    assert_eq!(listed[3]["lines"][0]["title"], "RPCs for Dummies");
    let table = output_of(&home, "orders");
    assert!(
        table.lines().count() == 5 && table.contains("RPCs for Dummies") && table.contains("330.00"),
        "{table}"
    );
    let csv = output_of(&home, "orders --csv");
    assert!(
        csv.starts_with("order,at,status,reason,store,item,title,quantity,cost,total\n"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 1 + 5, "one line for each book: {csv}");
    let id = listed[3]["order"].as_str().unwrap();
    let receipt = output_of(&home, &format!("orders {id}"));
    for shown in ["Sold\n", id, "RPCs for Dummies", "120.00", own.as_str()] {
        assert!(receipt.contains(shown), "{shown} is not in {receipt}");
    }
    let other = KEY.replace("4e", "4f");
    assert_eq!(exit_and_output(&home.bookstore(&format!("orders {other}"))).0, 1);
}

#[test]
fn an_order_without_an_answer_is_unknown_until_it_is_looked_up() {
    let home = Home::new();
    let sold = format!(
        r#"{{"order":"{KEY}","status":"sold","item":2,"title":"A Book","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5,"at":"2026-01-31T12:00:00.000000Z"}}"#
    );
    let lookups = AtomicUsize::new(0);
    let store = FrontEnd::new(move |_, request| match request.line.as_str() {
        "POST /buy" => Reply::HangUp,
        _ if lookups.fetch_add(1, Ordering::SeqCst) == 0 => {
            Reply::Body(504, problem(504, "deadline-exceeded").to_string())
        }
        _ => Reply::Body(200, sold.clone()),
    });
    let buy = home.bookstore(&format!("--url {} buy 2 --within 1ms --key {KEY}", store.url()));
    assert_eq!(exit_and_output(&buy).0, 3);
    let listed = orders(&home);
    assert_eq!(
        (&listed[0]["status"], listed[0].get("total")),
        (&"unknown".into(), None)
    );
    output_of(&home, &format!("--url {} order {KEY}", store.url()));
    output_of(&home, &format!("--url {} order {KEY}", store.url()));
    let listed = orders(&home);
    assert_eq!(
        (listed.len(), &listed[0]["status"], &listed[0]["total"]),
        (1, &"sold".into(), &"40.00".into())
    );
}

#[test]
fn purchases_of_a_command_and_of_a_second_shop_reach_the_orders_of_an_open_shop() {
    let home = Home::new();
    let mut first = open_local(&home);
    first.press("2");
    first.wait_for_text("No orders yet");
    output_of(&home, "buy 2 --quantity 3");
    first.wait_for_text("✓ sold");
    first.wait_for_text("RPCs for Dummies");
    let mut second = open_local(&home);
    second.open_dialog("b");
    second.press("y");
    second.wait_for_text("✓ sold");
    first.wait_for("both orders", |screen| screen.contents().matches("✓ sold").count() >= 3);
    assert_eq!(orders(&home).len(), 2);
}

#[test]
fn a_journal_that_cannot_be_written_does_not_stop_a_command() {
    let home = Home::new();
    std::fs::create_dir_all(home.journal()).unwrap();
    let remote = shop(9, Fault::None);
    let (exit, out, err) = exit_and_output(&home.bookstore(&format!("--url {} buy 2", remote.url())));
    assert!(exit == 0 && out.starts_with("Sold"), "{out}{err}");
    assert!(err.contains("orders.jsonl"), "{err}");
}
