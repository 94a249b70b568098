use super::super::conformance::{self, Fixture};
use super::*;

#[derive(Debug)]
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self) -> Result<Store, Error> {
        Store::open(self.0.path(), Edit::Refuse)
    }
}

impl Fixture for Folder {
    fn open(&self) -> Result<Box<dyn super::super::Store>, Error> {
        Ok(Box::new(self.store()?))
    }
}

#[test]
fn it_does_what_every_store_does() {
    conformance::suite(Folder::new);
}

#[test]
fn it_does_so_over_many_files_too() {
    struct Small(tempfile::TempDir);
    impl Fixture for Small {
        fn open(&self) -> Result<Box<dyn super::super::Store>, Error> {
            Ok(Box::new(Store::open_on(
                Arc::new(Real),
                self.0.path(),
                Edit::Refuse,
                2_000,
                None,
            )?))
        }
    }
    conformance::suite(|| Small(tempfile::tempdir().unwrap()));
}
