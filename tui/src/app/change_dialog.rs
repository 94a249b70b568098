//! The state of the shopkeeper's dialog: a change of a book, or a new book.

use common::wire::{Book, BookAction, BookFields, StockChange};
use common::{Cost, Description, ItemNumber, OrderId, Stock};
use tui_input::Input;

use super::held_key::HeldKey;

#[derive(Debug, Clone)]
pub(crate) struct ChangeDialog {
    /// The book to change; `None` for a new book.
    pub(crate) item: Option<ItemNumber>,
    /// The text fields, in the order of their rows.
    pub(crate) inputs: Vec<(ChangeField, Input)>,
    pub(crate) field: ChangeField,
    pub(crate) step: ChangeStep,
    /// Why the last change was refused.
    pub(crate) error: Option<String>,
    /// The key that opened the dialog or its current step.
    pub(super) held_key: HeldKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeField {
    Cancel,
    Number,
    Title,
    Author,
    Topic,
    Stock,
    Price,
    Save,
    Withdraw,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeStep {
    Editing,
    ConfirmingWithdrawal,
    /// Sent, without an answer yet.
    Sent(SentChange),
    /// The outcome is unknown, for this reason.
    Unknown(SentChange, String),
}

/// A change with its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentChange {
    pub(crate) key: OrderId,
    pub(crate) item: ItemNumber,
    pub(crate) change: Change,
}

/// The change. It never contains texts of the screen, which are sanitized: the shop's own texts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new price, and a new stock if there is one. The other fields come from a lookup.
    Price(Cost, Option<Stock>),
    /// A new book; its number must be free.
    Add(BookFields),
    /// A change that needs no lookup of the book.
    Ready(BookAction),
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeOutcome {
    Done,
    /// Nothing was changed, for this reason.
    Refused(String),
    /// The outcome is unknown; the action that was sent, and the reason.
    Unknown(BookAction, String),
}

impl ChangeField {
    /// Its name in the dialog.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Cancel => "Cancel",
            Self::Number => "Number",
            Self::Title => "Title",
            Self::Author => "Author",
            Self::Topic => "Topic",
            Self::Stock => "Stock",
            Self::Price => "Price",
            Self::Save => "Save",
            Self::Withdraw => "Withdraw",
        }
    }

    /// Whether a character may be typed into it.
    pub(super) fn accepts(self, c: char) -> bool {
        match self {
            Self::Number => c.is_ascii_digit(),
            Self::Stock => c.is_ascii_digit() || matches!(c, '+' | '-'),
            Self::Price => c.is_ascii_digit() || c == '.',
            Self::Title | Self::Author | Self::Topic => true,
            Self::Cancel | Self::Save | Self::Withdraw => false,
        }
    }
}

impl ChangeDialog {
    /// A dialog for a book, or for a new one.
    pub(super) fn new(item: Option<ItemNumber>, held_key: HeldKey) -> Self {
        use ChangeField::{Author, Number, Price, Stock, Title, Topic};
        let fields: &[ChangeField] = match item {
            Some(_) => &[Stock, Price],
            None => &[Number, Title, Author, Topic, Price, Stock],
        };
        Self {
            item,
            inputs: fields.iter().map(|field| (*field, Input::default())).collect(),
            field: ChangeField::Cancel,
            step: ChangeStep::Editing,
            error: None,
            held_key,
        }
    }

    /// The text field that has the focus.
    pub(super) fn input(&mut self) -> Option<(ChangeField, &mut Input)> {
        let focused = self.field;
        let editing = self.step == ChangeStep::Editing;
        let mut inputs = self.inputs.iter_mut().filter(|_| editing);
        inputs
            .find(|(field, _)| *field == focused)
            .map(|(field, input)| (*field, input))
    }

    /// The buttons of the current step; the first one is always Cancel.
    pub(crate) fn buttons(&self) -> &'static [ChangeField] {
        use ChangeField::{Cancel, Save, Withdraw};
        match (&self.step, self.item) {
            (ChangeStep::Editing, Some(_)) => &[Cancel, Save, Withdraw],
            (ChangeStep::Editing, None) | (ChangeStep::Unknown(..), _) => &[Cancel, Save],
            (ChangeStep::ConfirmingWithdrawal, _) => &[Cancel, Withdraw],
            (ChangeStep::Sent(_), _) => &[Cancel],
        }
    }

    /// Moves the focus to the next or the previous field: Cancel, the text fields, the other buttons.
    pub(super) fn move_focus(&mut self, forward: bool) {
        let mut fields = vec![ChangeField::Cancel];
        if self.step == ChangeStep::Editing {
            fields.extend(self.inputs.iter().map(|(field, _)| *field));
        }
        fields.extend(self.buttons().iter().skip(1));
        let at = fields.iter().position(|field| *field == self.field).unwrap_or(0);
        let to = at + if forward { 1 } else { fields.len() - 1 };
        self.field = fields.get(to % fields.len()).copied().unwrap_or(ChangeField::Cancel);
    }

    fn typed(&self, wanted: ChangeField) -> &str {
        let input = self.inputs.iter().find(|(field, _)| *field == wanted);
        debug_assert!(input.is_some(), "the dialog lacks the field {wanted:?}");
        input.map_or("", |(_, input)| input.value().trim())
    }

    /// The book and the change that the text fields describe.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub(super) fn change(&self) -> Result<(ItemNumber, Change), String> {
        let named = |field: ChangeField| move |error: common::parse::Error| format!("{}: {error}", field.label());
        let price = match self.typed(ChangeField::Price) {
            "" => None,
            text => Some(text.parse::<Cost>().map_err(named(ChangeField::Price))?),
        };
        let stock = match self.typed(ChangeField::Stock) {
            "" => None,
            text if text.starts_with(['+', '-']) => {
                let change = text.parse().ok().map(StockChange::By);
                Some(change.ok_or("Stock: expected a number of copies, like +5")?)
            }
            text => Some(StockChange::To(text.parse().map_err(named(ChangeField::Stock))?)),
        };
        let Some(item) = self.item else {
            let item = self.typed(ChangeField::Number).parse();
            let fields = self.new_book(price, stock)?;
            return Ok((item.map_err(named(ChangeField::Number))?, Change::Add(fields)));
        };
        let change = match (price, stock) {
            (None, None) => return Err("enter a new stock or a new price".to_owned()),
            (None, Some(stock)) => Change::Ready(BookAction::Stock(stock)),
            (Some(price), None) => Change::Price(price, None),
            (Some(price), Some(StockChange::To(stock))) => Change::Price(price, Some(stock)),
            (Some(_), Some(StockChange::By(_))) => {
                return Err("with a new price, enter the total stock".to_owned());
            }
        };
        Ok((item, change))
    }

    fn new_book(&self, price: Option<Cost>, stock: Option<StockChange>) -> Result<BookFields, String> {
        let stock = match stock {
            Some(StockChange::By(_)) => return Err("Stock: expected the total, not a change".to_owned()),
            Some(StockChange::To(stock)) => Some(stock),
            None => None,
        };
        let author = self.typed(ChangeField::Author);
        let description = Description {
            topic: self.typed(ChangeField::Topic).into(),
            author: (!author.is_empty()).then(|| author.into()),
        };
        let price = price.ok_or("Price: expected a cost, like 9.50")?;
        BookFields::new(self.typed(ChangeField::Title).into(), description, price, stock)
    }
}

impl Change {
    /// The action to send. `found` is the result of a lookup of the book; `None` if no book has the number.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(crate) fn action(self, found: Option<Book>) -> Result<BookAction, String> {
        match (self, found) {
            (Self::Ready(action), _) => Ok(action),
            (Self::Price(cost, stock), Some(book)) => Ok(BookAction::Set(BookFields {
                cost,
                stock,
                ..book.into()
            })),
            (Self::Price(..), None) => Err("the book has left the catalog".to_owned()),
            (Self::Add(fields), None) => Ok(BookAction::Set(fields)),
            (Self::Add(_), Some(book)) => Err(format!("the number {} belongs to {}", book.item, book.title)),
        }
    }
}
