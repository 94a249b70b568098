//! Schema migrations, from an empty database to the current tables.

use crate::Error;

/// The migrations in order; the first one leads to version 1.
const CHANGES: [Change; 3] = [
    Change::Scripts {
        sqlite: include_str!("../sqlite/0001_ledger.sql"),
        postgres: include_str!("../postgres/0001_ledger.sql"),
    },
    Change::Scripts {
        sqlite: include_str!("../sqlite/0002_notes.sql"),
        postgres: include_str!("../postgres/0002_notes.sql"),
    },
    Change::Scripts {
        sqlite: include_str!("../sqlite/0003_groups.sql"),
        postgres: include_str!("../postgres/0003_groups.sql"),
    },
];

/// The version of the schema that has ledger format 2.
const FORMAT_2: i64 = 3;

/// What a migration changes.
#[derive(Debug, Clone, Copy)]
enum Change {
    Scripts {
        sqlite: &'static str,
        postgres: &'static str,
    },
    /// Adds a column of a book's description to the ledger and to the books.
    #[cfg_attr(not(test), expect(dead_code, reason = "no column was added since format 2"))]
    Column(&'static str),
}

/// A kind of database.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    fn statements(self, change: Change) -> Vec<String> {
        let add_column = match self {
            // A migration is a transaction, so no column exists already.
            Self::Sqlite => "ADD COLUMN",
            Self::Postgres => "ADD COLUMN IF NOT EXISTS",
        };
        match (change, self) {
            (Change::Scripts { sqlite, .. }, Self::Sqlite) => statements(sqlite),
            (Change::Scripts { postgres, .. }, Self::Postgres) => statements(postgres),
            (Change::Column(name), _) => ["ledger", "books"]
                .map(|table| format!("ALTER TABLE {table} {add_column} {name} TEXT"))
                .into(),
        }
    }
}

/// What a database contains before it is migrated.
#[derive(Debug)]
pub(crate) struct Found {
    /// Whether it has tables of any kind.
    pub(crate) has_tables: bool,
    /// Whether it has the table `meta`.
    pub(crate) has_meta: bool,
    /// The schema's version in `meta`.
    pub(crate) version: Option<String>,
}

/// A migration. Each statement is idempotent, so an interrupted migration can run again without transactional DDL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migration {
    /// Counted from 1.
    pub(crate) version: i64,
    pub(crate) statements: Vec<String>,
    /// Whether entries that describe the books follow the statements: the upgrade from ledger format 1.
    pub(crate) describes_books: bool,
}

/// The migrations that a store still needs. Without `create` a store that needs a migration is refused.
///
/// # Errors
/// [`Error::Missing`], [`Error::OldFormat`], [`Error::Database`] if a newer version of the program created the store,
/// [`Error::DatabaseDamaged`] if the database is not a store.
pub(crate) fn pending(engine: Engine, found: &Found, create: bool, store: &str) -> Result<Vec<Migration>, Error> {
    let damaged = |why: String| Error::DatabaseDamaged {
        store: store.to_owned(),
        why,
    };
    match (found.has_meta, found.has_tables) {
        (false, true) => return Err(damaged("it is another program's database".to_owned())),
        (false, false) if !create => return Err(Error::Missing(store.to_owned())),
        _ => {}
    }
    let version = found.version.as_deref().map_or(Ok(0), str::parse::<i64>);
    let version = version.map_err(|_| damaged(format!("its tables have the unknown version {:?}", found.version)))?;
    let newest = i64::try_from(CHANGES.len()).unwrap_or(i64::MAX);
    if version > newest {
        return Err(Error::Database {
            operation: "open",
            store: store.to_owned(),
            why: format!(
                "a newer version of this program created it (schema {version}, this one knows {newest}); use that version"
            ),
        });
    }
    let pending = migrations(engine, &CHANGES, version);
    match create || pending.is_empty() {
        true => Ok(pending),
        false => Err(Error::OldFormat(store.to_owned())),
    }
}

/// The migrations for all changes after a version.
fn migrations(engine: Engine, changes: &[Change], version: i64) -> Vec<Migration> {
    let mut migrations: Vec<Migration> = Vec::new();
    for (number, change) in (1..).zip(changes).filter(|(number, _)| *number > version) {
        let statements = engine.statements(*change);
        match migrations.last_mut() {
            // The entries that describe the books need all columns, so later changes join that migration.
            Some(upgrade) if upgrade.describes_books => {
                upgrade.version = number;
                upgrade.statements.extend(statements);
            }
            _ => migrations.push(Migration {
                version: number,
                statements,
                describes_books: number == FORMAT_2,
            }),
        }
    }
    migrations
}

/// The statements of a script, without comments.
fn statements(script: &str) -> Vec<String> {
    let code = script.lines().filter(|line| !line.trim_start().starts_with("--"));
    let code: Vec<&str> = code.collect();
    code.join("\n")
        .split(';')
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{BOOK_COLUMNS, ENTRY_COLUMNS};

    #[test]
    fn a_migration_is_its_statements_without_comments() {
        assert_eq!(
            statements("-- a; b\nCREATE TABLE a (\n    b BIGINT\n);\n\n-- c\nSELECT 1;\n"),
            ["CREATE TABLE a (\n    b BIGINT\n)", "SELECT 1"]
        );
    }

    #[test]
    fn every_column_is_in_the_tables() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let statements = CHANGES.map(|change| engine.statements(change).join("\n")).join("\n");
            for (name, _) in ENTRY_COLUMNS.iter().chain(BOOK_COLUMNS) {
                assert!(statements.contains(name), "no migration adds the column {name}");
            }
        }
    }

    #[test]
    fn a_column_is_added_to_both_tables_before_the_books_are_described() {
        let changes = [&CHANGES[..3], &[Change::Column("isbn")]].concat();
        let added = [
            "ALTER TABLE ledger ADD COLUMN isbn TEXT",
            "ALTER TABLE books ADD COLUMN isbn TEXT",
        ];
        let current = migrations(Engine::Sqlite, &changes, 3);
        assert_eq!(
            (current.len(), current[0].version, current[0].describes_books),
            (1, 4, false)
        );
        assert_eq!(current[0].statements, added);
        let upgrade = migrations(Engine::Sqlite, &changes, 1).pop().unwrap();
        assert_eq!((upgrade.version, upgrade.describes_books), (4, true));
        assert!(upgrade.statements.ends_with(&added.map(str::to_owned)));
        let postgres = migrations(Engine::Postgres, &changes, 3);
        assert!(postgres[0].statements[0].contains("ADD COLUMN IF NOT EXISTS isbn"));
    }

    #[test]
    fn a_store_of_a_newer_version_is_refused() {
        let pending = |version: Option<&str>, create| {
            let found = Found {
                has_tables: version.is_some(),
                has_meta: version.is_some(),
                version: version.map(str::to_owned),
            };
            super::pending(Engine::Sqlite, &found, create, "x").map(|pending| pending.len())
        };
        let [newest, newer] = [0, 1].map(|more| (CHANGES.len() + more).to_string());
        assert_eq!(pending(Some("1"), true).unwrap(), 2);
        assert_eq!(pending(Some(&newest), true).unwrap(), 0);
        assert_eq!(pending(Some(&newest), false).unwrap(), 0);
        assert_eq!(pending(None, true).unwrap(), 3);
        assert!(matches!(pending(Some("2"), false), Err(Error::OldFormat(_))));
        assert!(matches!(pending(None, false), Err(Error::Missing(_))));
        assert!(matches!(pending(Some(&newer), true), Err(Error::Database { .. })));
        assert!(matches!(pending(Some("x"), true), Err(Error::DatabaseDamaged { .. })));
    }
}
