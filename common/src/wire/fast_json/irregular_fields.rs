//! Fields that have several names or may be absent.

use std::sync::LazyLock;

use super::values::write_items;
use super::{FastJson, Field, JsonReader};
use crate::book::Columns;
use crate::wire::{OrderLine, OrderLines, RefusedLine};
use crate::{Description, Entry, Epoch, GroupPosition, InlineVec, Seq};

/// The fields `line` and `lines`, both absent for a group of one.
impl Field for GroupPosition {
    fn write_field(&self, _: &str, json: &mut Vec<u8>) {
        if *self != Self::ONLY {
            self.number().write_field(",\"line\":", json);
            self.count().write_field(",\"lines\":", json);
        }
    }

    fn read_field(_: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        match Field::read_field(",\"line\":", json)? {
            Some(number) => Self::new(number, Field::read_field(",\"lines\":", json)?),
            None => Some(Self::ONLY),
        }
    }
}

/// A field that is absent for the first epoch.
impl Field for Epoch {
    fn write_field(&self, name: &str, json: &mut Vec<u8>) {
        if !self.is_first() {
            Seq(self.0).write_field(name, json);
        }
    }

    fn read_field(name: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        Some(Option::read_field(name, json)?.map_or(Self::FIRST, |Seq(epoch)| Self(epoch)))
    }
}

/// The fields `item` and `quantity` of a single line, or `lines`.
impl Field for OrderLines {
    fn write_field(&self, name: &str, json: &mut Vec<u8>) {
        match **self {
            [OrderLine { item, quantity }] => {
                item.write_field(",\"item\":", json);
                quantity.write_field(",\"quantity\":", json);
            }
            ref lines => write_list(name, lines, json),
        }
    }

    fn read_field(name: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        match Field::read_field(",\"item\":", json)? {
            Some(item) => Some(Self::one(item, Field::read_field(",\"quantity\":", json)?)),
            None => Self::new(Vec::read_field(name, json)?).ok(),
        }
    }
}

/// The field `entry`, or `entries` of several entries.
impl Field for InlineVec<Entry> {
    fn write_field(&self, name: &str, json: &mut Vec<u8>) {
        match &**self {
            [] => {}
            [entry] => entry.write_field(",\"entry\":", json),
            entries => write_list(name, entries, json),
        }
    }

    fn read_field(name: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        match Field::read_field(",\"entry\":", json)? {
            Some(entry) => Some(Self::from_buf([entry])),
            None => Some(Option::<Vec<Entry>>::read_field(name, json)?.unwrap_or_default().into()),
        }
    }
}

/// A field that is absent for an empty list.
impl Field for InlineVec<RefusedLine> {
    fn write_field(&self, name: &str, json: &mut Vec<u8>) {
        if !self.is_empty() {
            write_list(name, self, json);
        }
    }

    fn read_field(name: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        Some(
            Option::<Vec<RefusedLine>>::read_field(name, json)?
                .unwrap_or_default()
                .into(),
        )
    }
}

fn write_list<T: FastJson>(name: &str, items: &[T], json: &mut Vec<u8>) {
    json.extend_from_slice(name.as_bytes());
    write_items(items, json);
}

/// The text `,"name":` of each column of a description.
static COLUMN_NAMES: LazyLock<Columns<String>> =
    LazyLock::new(|| Description::COLUMNS.map(|column| format!(",\"{column}\":")));

/// The fields of all columns, absent without a description.
impl Field for Option<Box<Description>> {
    fn write_field(&self, _: &str, json: &mut Vec<u8>) {
        if let Some(description) = self {
            for (name, text) in COLUMN_NAMES.iter().zip(description.texts()) {
                if let Some(text) = text {
                    text.write_field(name, json);
                }
            }
        }
    }

    fn read_field(_: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        let mut texts = Columns::default();
        for (name, text) in COLUMN_NAMES.iter().zip(&mut texts) {
            *text = Field::read_field(name, json)?;
        }
        Some(Description::from_texts(texts).ok()?.map(Box::new))
    }
}
