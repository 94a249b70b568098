//! Schema migrations, from an empty database to the current tables.

use crate::Error;

/// One migration. Each statement is idempotent, so an interrupted migration can run again without transactional DDL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Counted from 1.
    pub(crate) version: i64,
    /// Statements, separated by semicolons.
    pub(crate) sql: &'static str,
}

impl Migration {
    /// The statements without comments.
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

    /// The migrations that a store at schema `version` still needs; a new one has no version.
    ///
    /// # Errors
    /// [`Error::Database`] if a newer version of the program created the store, [`Error::DatabaseDamaged`] if `version` is not
    /// a number.
    pub(crate) fn pending(all: &[Self], version: Option<&str>, store: &str) -> Result<Vec<Self>, Error> {
        let version = version
            .map_or(Ok(0), str::parse::<i64>)
            .map_err(|_| Error::DatabaseDamaged {
                store: store.to_owned(),
                why: format!("its tables have the unknown version {version:?}"),
            })?;
        let newest = all.last().map_or(0, |last| last.version);
        if version > newest {
            return Err(Error::Database {
                operation: "open",
                store: store.to_owned(),
                why: format!(
                    "a newer version of this program created it (schema {version}, this one knows {newest}); use that version"
                ),
            });
        }
        Ok(all
            .iter()
            .copied()
            .filter(|migration| migration.version > version)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_its_statements_without_comments() {
        let migration = Migration {
            version: 1,
            sql: "-- a; b\nCREATE TABLE a (\n    b BIGINT\n);\n\n-- c\nSELECT 1;\n",
        };
        assert_eq!(
            migration.statements(),
            ["CREATE TABLE a (\n    b BIGINT\n)", "SELECT 1"]
        );
    }

    #[test]
    fn a_store_of_a_newer_version_is_refused() {
        let all = [1, 2, 3].map(|version| Migration { version, sql: "" });
        assert_eq!(Migration::pending(&all, Some("1"), "x").unwrap().len(), 2);
        assert_eq!(Migration::pending(&all, Some("3"), "x").unwrap().len(), 0);
        assert_eq!(Migration::pending(&all, None, "x").unwrap().len(), 3);
        assert!(Migration::pending(&all, Some("4"), "x").is_err());
        assert!(Migration::pending(&all, Some("x"), "x").is_err());
    }
}
