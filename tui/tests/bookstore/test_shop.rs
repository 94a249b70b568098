//! A shop in memory that misbehaves as the test wants.

use std::collections::HashMap;
use std::sync::Mutex;

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
    /// The answers to the first sale and to every fifth after it are lost.
    LosesAnswers,
    /// Sales are not answered.
    NeverAnswersSales,
    /// The books are sold out when they are bought.
    SoldOut,
}

/// A shop with two books.
pub(crate) struct Shop {
    fault: Fault,
    title: &'static str,
    stock: [i64; 2],
    entries: Vec<Value>,
    receipts: HashMap<String, Value>,
}

pub(crate) fn correct_shop() -> FrontEnd {
    shop(500, Fault::None)
}

pub(crate) fn shop(stock: i64, fault: Fault) -> FrontEnd {
    Shop::new("A Book", stock, fault).serve()
}

pub(crate) fn problem(status: u16, code: &str) -> Value {
    json!({"type": format!("urn:bookstore:problem:{code}"), "title": "No", "status": status, "code": code,
        "detail": "not now", "extra": 1})
}

const TIME: &str = "2026-01-31T12:00:00.000000Z";

impl Shop {
    /// A shop with `stock` copies of each book.
    pub(crate) fn new(title: &'static str, stock: i64, fault: Fault) -> Self {
        let set = |item| {
            json!({"seq": item, "at": TIME, "kind": "set", "item": item,
                "change": stock, "stock_after": stock, "unit_cost": "2.50"})
        };
        Self {
            fault,
            title,
            stock: [stock; 2],
            entries: vec![set(1), set(2)],
            receipts: HashMap::new(),
        }
    }

    pub(crate) fn serve(self) -> FrontEnd {
        let shop = Mutex::new(self);
        FrontEnd::new(move |_, request| shop.lock().unwrap().answer(request))
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
        let (status, body) = match request.line.as_str() {
            "GET /topics" => (200, json!({"topics": [{"topic": "all", "books": 2}]})),
            "POST /buy" => return self.buy(request),
            "GET /events" => {
                let hello = json!({"seq": 2, "store": "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e"});
                return Reply::OpenStream(format!("event: hello\ndata: {hello}\n\n"));
            }
            line if line.starts_with("GET /search?topic=all") => (200, json!({"books": [self.book(1), self.book(2)]})),
            line if line.starts_with("GET /search?item=") => (200, self.book(if line.ends_with('1') { 1 } else { 2 })),
            line if let Some(order) = line.strip_prefix("GET /orders/") => match self.receipts.get(order) {
                Some(receipt) => (200, receipt.clone()),
                None => (404, problem(404, "unknown-order")),
            },
            line if line.starts_with("GET /ledger?after=") => match request.header("authorization") {
                Some("Bearer secret") => {
                    let after: usize = line.split(['=', '&']).nth(1).unwrap().parse().unwrap();
                    let entries = self.entries.get(after..).unwrap_or(&[]);
                    (200, json!({"entries": entries, "head": self.entries.len()}))
                }
                _ => (401, problem(401, "unauthorized")),
            },
            _ => (404, problem(404, "not-found")),
        };
        Reply::Body(status, body.to_string())
    }

    fn book(&self, item: usize) -> Value {
        let entries = self.entries.iter().filter(|entry| entry["item"] == item);
        let seq = entries.map(|entry| entry["seq"].as_u64()).max();
        let surplus = self.fault == Fault::MiscountsStock && item == 1 && !self.receipts.is_empty();
        json!({"item": item, "title": self.title, "topic": "all", "cost": "2.50",
            "stock": self.stock[item - 1] + i64::from(surplus), "seq": seq})
    }

    fn buy(&mut self, request: &Request) -> Reply {
        let key = request.header("idempotency-key").unwrap();
        if let Some(receipt) = self.receipts.get(key) {
            return Reply::Body(200, receipt.to_string());
        }
        let wanted: Value = serde_json::from_str(&request.body).unwrap();
        let (item, quantity) = (wanted["item"].as_u64().unwrap(), wanted["quantity"].as_i64().unwrap());
        let stock = &mut self.stock[usize::try_from(item).unwrap() - 1];
        if self.fault == Fault::SoldOut {
            *stock = 0;
        }
        if *stock < quantity {
            let mut problem = problem(409, "sold-out");
            (problem["item"], problem["stock"], problem["order"]) = (json!(item), json!(*stock), json!(key));
            return Reply::Body(409, problem.to_string());
        }
        *stock -= quantity;
        let sales = self.receipts.len() + 1;
        let forgotten = self.fault == Fault::ForgetsSales && sales.is_multiple_of(3);
        let seq = self.entries.len() + usize::from(!forgotten);
        let receipt = json!({"order": key, "status": "sold", "item": item, "title": self.title, "quantity": quantity,
            "cost": "2.50", "total": "2.50", "stock": *stock, "seq": seq, "at": TIME});
        if !forgotten {
            let recorded = quantity + i64::from(self.fault == Fault::WrongQuantity);
            self.entries.push(
                json!({"seq": seq, "at": TIME, "kind": "sold", "item": item, "quantity": recorded,
                "change": -quantity, "stock_after": *stock, "order": key, "unit_cost": "2.50",
                "title": self.title}),
            );
        }
        self.receipts.insert(key.to_owned(), receipt.clone());
        match self.fault {
            Fault::LosesAnswers if sales % 5 == 1 => Reply::HangUp,
            Fault::NeverAnswersSales => Reply::OpenStream(String::new()),
            _ => Reply::Body(200, receipt.to_string()),
        }
    }
}
