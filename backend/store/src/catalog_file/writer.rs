//! Writing a catalog file book by book, so that one of millions needs no memory.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Bad, COLUMNS, COLUMNS_MIN, CatalogRowRef, Error, check_name};

/// A catalog file that is being written.
#[derive(Debug)]
pub struct CatalogWriter<W: Write> {
    out: ::csv::Writer<W>,
    /// Stands in messages only.
    path: PathBuf,
    columns: usize,
    /// The last line, counted from 1.
    line: u64,
}

impl<W: Write> CatalogWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(out: W, with_author: bool, path: &Path) -> Result<Self, Error> {
        let mut writer = Self {
            out: ::csv::WriterBuilder::new().from_writer(out),
            path: path.to_owned(),
            columns: if with_author { COLUMNS.len() } else { COLUMNS_MIN },
            line: 1,
        };
        let header = writer.out.write_record(COLUMNS.iter().take(writer.columns));
        header.map_err(|error| writer.failed(error))?;
        Ok(writer)
    }

    /// Writes a book.
    ///
    /// # Errors
    /// [`Error::Line`] for a book whose line could not be read back; [`Error::Io`].
    pub fn write(&mut self, row: CatalogRowRef<'_>) -> Result<(), Error> {
        self.line += 1;
        for (column, name) in [(1, Some(row.title)), (4, Some(row.topic)), (5, row.author)] {
            name.map_or(Ok(()), check_name).map_err(|expected| {
                let line = self.line;
                Bad { line, column, expected }.at(&self.path)
            })?;
        }
        let (item, stock, cost) = (row.item.to_string(), row.stock.to_string(), row.cost.to_string());
        let author = row.author.unwrap_or_default();
        let fields = [&item, row.title, &stock, &cost, row.topic, author];
        let written = self.out.write_record(fields.iter().take(self.columns));
        written.map_err(|error| self.failed(error))
    }

    /// Hands the last bytes on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        let flushed = self.out.flush();
        flushed.map_err(|error| self.failed(error.into()))
    }

    fn failed(&self, error: ::csv::Error) -> Error {
        Error::Io {
            operation: "write",
            path: self.path.clone(),
            source: error.into(),
        }
    }
}
