//! A shop in memory that misbehaves as the test wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::front_end::{FrontEnd, Reply, Request};

/// How the shop misbehaves.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Every third sale is acknowledged and forgotten.
    ForgetsSales,
    /// The stock is one copy higher than in the ledger.
    MiscountsStock,
    /// The ledger records a sale with another quantity.
    WrongQuantity,
    /// The answer to every fifth sale is lost.
    LosesAnswers,
}

#[derive(Default)]
pub(crate) struct Shop {
    pub(crate) stock: [i64; 2],
    pub(crate) entries: Vec<Value>,
    pub(crate) receipts: HashMap<String, Value>,
    pub(crate) buys: u64,
}

/// A shop without a fault.
pub(crate) fn correct_shop() -> FrontEnd {
    shop(500, Fault::None)
}

pub(crate) fn shop(stock: i64, fault: Fault) -> FrontEnd {
    let shop = Arc::new(Mutex::new(Shop {
        stock: [stock; 2],
        entries: opening(stock),
        ..Shop::default()
    }));
    FrontEnd::new(move |_, request| answer(&mut shop.lock().unwrap(), request, fault))
}

/// The only event of the stream.
fn hello() -> String {
    let store = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e";
    format!("event: hello\ndata: {{\"seq\":2,\"store\":\"{store}\"}}\n\n")
}

/// The first entries of the ledger.
pub(crate) fn opening(stock: i64) -> Vec<Value> {
    let set = |item| {
        json!({"seq": item, "at": "2026-01-31T12:00:00.000000Z", "kind": "set", "item": item,
            "change": stock, "stock_after": stock, "unit_cost": "2.50"})
    };
    vec![set(1), set(2)]
}

pub(crate) fn answer(shop: &mut Shop, request: &Request, fault: Fault) -> Reply {
    let (status, body) = match request.line.as_str() {
        "GET /topics" => (200, json!({"topics": [{"topic": "all", "books": 2}]})),
        "POST /buy" => return buy(shop, request, fault),
        "GET /events" => return Reply::Stream(hello()),
        line if line.starts_with("GET /search?topic=all") => {
            (200, json!({"books": [book(shop, 1, fault), book(shop, 2, fault)]}))
        }
        line if line.starts_with("GET /search?item=") => {
            let item = if line.ends_with('1') { 1 } else { 2 };
            (200, book(shop, item, fault))
        }
        line if line.starts_with("GET /ledger?after=") => match request.header("authorization") {
            Some("Bearer secret") => {
                let after: usize = line.split(['=', '&']).nth(1).unwrap().parse().unwrap();
                (
                    200,
                    json!({"entries": shop.entries.get(after..).unwrap_or(&[]), "head": shop.entries.len()}),
                )
            }
            _ => (401, problem(401, "unauthorized")),
        },
        _ => (404, problem(404, "not-found")),
    };
    Reply::Body(status, body.to_string())
}

fn book(shop: &Shop, item: usize, fault: Fault) -> Value {
    let seq = shop
        .entries
        .iter()
        .filter(|entry| entry["item"] == item)
        .map(|entry| entry["seq"].as_u64())
        .max();
    let lie = i64::from(fault == Fault::MiscountsStock && item == 1 && shop.buys > 0);
    json!({"item": item, "title": "T", "topic": "all", "cost": "2.50", "stock": shop.stock[item - 1] + lie, "seq": seq})
}

fn buy(shop: &mut Shop, request: &Request, fault: Fault) -> Reply {
    let key = request.header("idempotency-key").unwrap().to_owned();
    if let Some(receipt) = shop.receipts.get(&key) {
        return Reply::Body(200, receipt.to_string());
    }
    let wanted: Value = serde_json::from_str(&request.body).unwrap();
    let (item, quantity) = (wanted["item"].as_u64().unwrap(), wanted["quantity"].as_i64().unwrap());
    let stock = &mut shop.stock[usize::try_from(item).unwrap() - 1];
    if *stock < quantity {
        return Reply::Body(409, problem(409, "sold-out").to_string());
    }
    *stock -= quantity;
    shop.buys += 1;
    let forgotten = fault == Fault::ForgetsSales && shop.buys.is_multiple_of(3);
    let seq = shop.entries.len() + usize::from(!forgotten);
    let at = "2026-01-31T12:00:00.000000Z";
    let receipt = json!({"order": key, "status": "sold", "item": item, "title": "T", "quantity": quantity,
        "cost": "2.50", "total": "2.50", "stock": *stock, "seq": seq, "at": at});
    if !forgotten {
        let recorded = quantity + i64::from(fault == Fault::WrongQuantity);
        shop.entries.push(
            json!({"seq": seq, "at": at, "kind": "sold", "item": item, "quantity": recorded,
            "change": -quantity, "stock_after": *stock, "order": key, "unit_cost": "2.50"}),
        );
    }
    shop.receipts.insert(key, receipt.clone());
    if fault == Fault::LosesAnswers && shop.buys.is_multiple_of(5) {
        return Reply::HangUp;
    }
    Reply::Body(200, receipt.to_string())
}

pub(crate) fn problem(status: u16, code: &str) -> Value {
    json!({"type": format!("urn:bookstore:problem:{code}"), "title": "No", "status": status, "code": code, "detail": "no"})
}
