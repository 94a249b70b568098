//! Schema migrations, from an empty database to the current tables.

use crate::Error;

/// The version of the schema that has ledger format 2.
pub(crate) const FORMAT_2: i64 = 3;

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
}

/// The migrations that a store still needs; `scripts` has all, in order. Without `create` a store that needs any is refused.
///
/// # Errors
/// [`Error::Missing`], [`Error::OldFormat`], [`Error::Database`] if a newer version of the program created the store,
/// [`Error::DatabaseDamaged`] if the database is not a store.
pub(crate) fn pending(scripts: &[&str], found: &Found, create: bool, store: &str) -> Result<Vec<Migration>, Error> {
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
    let all = (1..).zip(scripts);
    let newest = all.clone().map(|(version, _)| version).last().unwrap_or_default();
    if version > newest {
        return Err(Error::Database {
            operation: "open",
            store: store.to_owned(),
            why: format!(
                "a newer version of this program created it (schema {version}, this one knows {newest}); use that version"
            ),
        });
    }
    let pending = all
        .filter(|(number, _)| *number > version)
        .map(|(version, script)| Migration {
            version,
            statements: statements(script),
        });
    let pending: Vec<Migration> = pending.collect();
    match create || pending.is_empty() {
        true => Ok(pending),
        false => Err(Error::OldFormat(store.to_owned())),
    }
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

    #[test]
    fn a_migration_is_its_statements_without_comments() {
        assert_eq!(
            statements("-- a; b\nCREATE TABLE a (\n    b BIGINT\n);\n\n-- c\nSELECT 1;\n"),
            ["CREATE TABLE a (\n    b BIGINT\n)", "SELECT 1"]
        );
    }

    #[test]
    fn a_store_of_a_newer_version_is_refused() {
        let pending = |version: Option<&str>, create| {
            let found = Found {
                has_tables: version.is_some(),
                has_meta: version.is_some(),
                version: version.map(str::to_owned),
            };
            super::pending(&[""; 3], &found, create, "x").map(|pending| pending.len())
        };
        assert_eq!(pending(Some("1"), true).unwrap(), 2);
        assert_eq!(pending(Some("3"), true).unwrap(), 0);
        assert_eq!(pending(Some("3"), false).unwrap(), 0);
        assert_eq!(pending(None, true).unwrap(), 3);
        assert!(matches!(pending(Some("2"), false), Err(Error::OldFormat(_))));
        assert!(matches!(pending(None, false), Err(Error::Missing(_))));
        assert!(matches!(pending(Some("4"), true), Err(Error::Database { .. })));
        assert!(matches!(pending(Some("x"), true), Err(Error::DatabaseDamaged { .. })));
    }
}
