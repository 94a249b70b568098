//! A shop in memory with configurable faults.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::front_end::{FrontEnd, Reply, Request};

/// The fault of the shop.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Every third sale is acknowledged and forgotten.
    ForgetsSales,
    /// The stock is one copy higher than in the ledger.
    MiscountsStock,
    /// The ledger records a sale with another quantity.
    WrongQuantity,
    /// The receipt of an order of several lines has a cent too much in its total.
    WrongTotal,
    /// The last line of an order of several is acknowledged and forgotten.
    ForgetsLines,
    /// The answers to the first sale and to every fifth after it are lost.
    LosesAnswers,
    /// No sale is answered.
    NeverAnswersSales,
    /// A purchase finds its book sold out.
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

    /// Sets the initial stock of a book.
    pub(crate) fn set_stock(&mut self, item: usize, stock: i64) {
        self.stock[item - 1] = stock;
        let set = &mut self.entries[item - 1];
        (set["change"], set["stock_after"]) = (json!(stock), json!(stock));
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
        let lines = wanted["lines"].as_array().cloned().unwrap_or_else(|| vec![wanted]);
        if self.fault == Fault::SoldOut {
            self.stock = [0; 2];
        }
        let short: Vec<Value> = lines.iter().filter_map(|line| self.short_line(line)).collect();
        if let Some(line) = short.first() {
            let mut problem = problem(409, "sold-out");
            problem["order"] = json!(key);
            match lines.len() {
                1 => (problem["item"], problem["stock"]) = (line["item"].clone(), line["stock"].clone()),
                _ => problem["lines"] = json!(short),
            }
            return Reply::Body(409, problem.to_string());
        }
        let sales = self.receipts.len() + 1;
        let is_forgotten = self.fault == Fault::ForgetsSales && sales.is_multiple_of(3);
        let first = self.entries.len() + usize::from(!is_forgotten);
        let kept = lines.len() - usize::from(self.fault == Fault::ForgetsLines && lines.len() > 1);
        let mut sold = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let (item, quantity) = (line["item"].as_u64().unwrap(), line["quantity"].as_i64().unwrap());
            let stock = &mut self.stock[usize::try_from(item).unwrap() - 1];
            *stock -= quantity;
            let (seq, total) = (first + index, quantity * 250);
            sold.push(
                json!({"item": item, "title": self.title, "quantity": quantity, "cost": "2.50",
                "total": money(total), "stock": *stock, "seq": seq}),
            );
            if is_forgotten || index >= kept {
                continue;
            }
            let recorded = quantity + i64::from(self.fault == Fault::WrongQuantity);
            let mut entry = json!({"seq": seq, "at": TIME, "kind": "sold", "item": item, "quantity": recorded,
                "change": -quantity, "stock_after": *stock, "order": key, "unit_cost": "2.50", "title": self.title});
            if kept > 1 {
                (entry["line"], entry["lines"]) = (json!(index + 1), json!(kept));
            }
            self.entries.push(entry);
        }
        let receipt = receipt(key, sold, i64::from(self.fault == Fault::WrongTotal));
        self.receipts.insert(key.to_owned(), receipt.clone());
        match self.fault {
            Fault::LosesAnswers if sales % 5 == 1 => Reply::HangUp,
            Fault::NeverAnswersSales => Reply::OpenStream(String::new()),
            _ => Reply::Body(200, receipt.to_string()),
        }
    }
    /// The line of a refusal, if there is too little stock.
    fn short_line(&self, line: &Value) -> Option<Value> {
        let (item, wanted) = (line["item"].as_u64().unwrap(), line["quantity"].as_i64().unwrap());
        let stock = self.stock[usize::try_from(item).unwrap() - 1];
        (stock < wanted).then(|| json!({"item": item, "stock": stock, "wanted": wanted}))
    }
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The receipt of sold lines. `error` is added to the total of several, in cents.
fn receipt(key: &str, mut sold: Vec<Value>, error: i64) -> Value {
    let seq = sold.last().unwrap()["seq"].clone();
    let mut receipt = match sold.len() {
        1 => sold.pop().unwrap(),
        _ => {
            let cents = |line: &Value| line["quantity"].as_i64().unwrap() * 250;
            json!({"total": money(sold.iter().map(cents).sum::<i64>() + error), "lines": sold})
        }
    };
    (receipt["order"], receipt["status"]) = (json!(key), json!("sold"));
    (receipt["seq"], receipt["at"]) = (seq, json!(TIME));
    receipt
}
