//! Writes a catalog file book by book, in constant memory.

use std::io::Write;
use std::path::{Path, PathBuf};

use common::ArcStr;

use super::{CatalogRow, Error, columns};

/// A catalog file that is being written.
#[derive(Debug)]
pub struct CatalogWriter<W: Write> {
    out: ::csv::Writer<W>,
    /// For messages only.
    path: PathBuf,
    columns: usize,
    /// The last line written, counted from 1.
    line: u64,
}

impl<W: Write> CatalogWriter<W> {
    /// Writes the header, with all columns unless `columns` is fewer.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(out: W, columns: usize, path: &Path) -> Result<Self, Error> {
        let mut writer = Self {
            out: ::csv::WriterBuilder::new().from_writer(out),
            path: path.to_owned(),
            columns: columns.clamp(columns::MIN, columns::MAX),
            line: 1,
        };
        let header = writer.out.write_record(columns::names().take(writer.columns));
        header.map_err(|error| writer.failed(error))?;
        Ok(writer)
    }

    /// Writes a book.
    ///
    /// # Errors
    /// [`Error::Lines`] for a book that could not be read back; [`Error::Io`].
    pub fn write(&mut self, row: &CatalogRow) -> Result<(), Error> {
        self.line += 1;
        row.check(self.line).map_err(|error| error.in_file(&self.path))?;
        let CatalogRow {
            item,
            title,
            stock,
            cost,
            description,
        } = row;
        let (item, stock, cost) = (item.to_string(), stock.to_string(), cost.to_string());
        let described = description.texts().map(|text| text.map_or("", ArcStr::as_str));
        let fields = [&item, title.as_str(), &stock, &cost].into_iter().chain(described);
        let written = self.out.write_record(fields.take(self.columns));
        written.map_err(|error| self.failed(error))
    }

    /// Flushes.
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
