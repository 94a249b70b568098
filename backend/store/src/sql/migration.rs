//! Steps that lead from an empty database to the tables of today.

use crate::Error;

/// One step. Each of its statements does nothing where it was done before, so that a step that was interrupted can be
/// done again; this needs no statement beyond what every engine has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Counted from 1.
    pub(crate) version: i64,
    /// Statements that each end in a semicolon at the end of a line.
    pub(crate) sql: &'static str,
}

impl Migration {
    /// Its statements, without comments.
    pub(crate) fn statements(self) -> Vec<String> {
        let code: Vec<&str> = self
            .sql
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        code.join("\n")
            .split(';')
            .map(|statement| statement.trim().to_owned())
            .filter(|statement| !statement.is_empty())
            .collect()
    }

    /// The steps that are still to be done in a store at `version`.
    ///
    /// # Errors
    /// [`Error::Database`] if a newer program made the store.
    pub(crate) fn missing(all: &[Self], version: i64, store: &str) -> Result<Vec<Self>, Error> {
        let newest = all.last().map_or(0, |last| last.version);
        if version > newest {
            return Err(Error::Database {
                operation: "open",
                store: store.to_owned(),
                why: format!(
                    "a newer version of this program made it (tables {version}, known are {newest}); use that one"
                ),
            });
        }
        Ok(all.iter().copied().filter(|step| step.version > version).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_its_statements_without_comments() {
        let step = Migration {
            version: 1,
            sql: "-- a; b\nCREATE TABLE a (\n    b BIGINT\n);\n\n-- c\nSELECT 1;\n",
        };
        assert_eq!(step.statements(), ["CREATE TABLE a (\n    b BIGINT\n)", "SELECT 1"]);
    }

    #[test]
    fn a_store_of_a_newer_program_is_refused() {
        let all = [1, 2, 3].map(|version| Migration { version, sql: "" });
        assert_eq!(Migration::missing(&all, 1, "x").unwrap().len(), 2);
        assert_eq!(Migration::missing(&all, 3, "x").unwrap().len(), 0);
        assert!(Migration::missing(&all, 4, "x").is_err());
    }
}
