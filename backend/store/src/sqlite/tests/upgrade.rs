//! The upgrade of a store of format 1, stopped at each step.

use super::*;
use crate::format_1::tests::assert_upgraded;

/// The steps of the upgrade as trigger events; the upgrade fails at one of them.
const STEPS: [&str; 10] = [
    "INSERT ON ledger WHEN NEW.seq = 32",
    "INSERT ON ledger WHEN NEW.seq = 33",
    "INSERT ON ledger WHEN NEW.seq = 36",
    "INSERT ON books WHEN NEW.item = 1",
    "INSERT ON books WHEN NEW.item = 9",
    "DELETE ON notes",
    "INSERT ON meta WHEN NEW.key = 'upgrade'",
    "INSERT ON meta WHEN NEW.key = 'schema'",
    "UPDATE ON meta WHEN NEW.key = 'schema'",
    "UPDATE ON books",
];

#[test]
fn an_upgrade_that_fails_at_any_step_changes_nothing() {
    let mut failures = 0;
    for step in STEPS {
        let folder = Folder::new();
        folder.load_format_1();
        folder.run("INSERT INTO notes (name, content) VALUES ('orders-0', x'00')");
        folder.run(&format!(
            "CREATE TRIGGER stop BEFORE {step} BEGIN SELECT RAISE(ABORT, 'stopped'); END"
        ));
        let failed = folder.store().is_err();
        failures += u32::from(failed);
        folder.run("DROP TRIGGER stop");
        if failed {
            assert!(
                matches!(SqliteStore::inspect(&folder.file()), Err(Error::OldFormat(_))),
                "{step}"
            );
        }
        let store = folder.store().unwrap();
        assert_upgraded(&store, "sqlite");
        assert_eq!(store.get_blob("orders-0").unwrap(), None);
    }
    assert!(failures >= 8, "{failures} of the steps were reached");
}
