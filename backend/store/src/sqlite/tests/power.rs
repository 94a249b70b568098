//! Loss of power: any part of the unsynced data may be on the disk.
//!
//! During a batch only the write-ahead log is unsynced, during a checkpoint only the file. So an image is the old content of one
//! of them with some of its new pages.

use super::*;

const PAGE_BYTES: usize = 4096;

/// The database file and the log at one moment.
#[derive(Clone)]
struct Files {
    main: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    fn of(folder: &Folder) -> Self {
        let read = |suffix| fs::read(folder.0.path().join(format!("books.db{suffix}"))).unwrap();
        Self {
            main: read(""),
            log: read("-wal"),
        }
    }

    /// Asserts that a start on these files finds one of the shops, and returns its head.
    fn assert_one_of(&self, shops: &[&ReferenceShop]) -> Seq {
        let folder = Folder::new();
        fs::write(folder.file(), &self.main).unwrap();
        fs::write(folder.0.path().join("books.db-wal"), &self.log).unwrap();
        let store = folder.store().unwrap();
        let head = store.load().unwrap().head;
        let shop = shops.iter().find(|shop| shop.head == head);
        shop.unwrap_or_else(|| panic!("a head of {head}"))
            .assert_matches(&store);
        head
    }
}

/// Every file that a loss of power can leave while the first content is changed to the second.
fn images(before: &[u8], after: &[u8]) -> Vec<Vec<u8>> {
    let byte = |content: &[u8], at: usize| content.get(at).copied().unwrap_or(0);
    let differs =
        |page: &usize| (page * PAGE_BYTES..(page + 1) * PAGE_BYTES).any(|at| byte(before, at) != byte(after, at));
    let pages: Vec<usize> = (0..after.len().div_ceil(PAGE_BYTES)).filter(differs).collect();
    assert!(pages.len() <= 9, "{} pages", pages.len());
    let mut images = Vec::new();
    for subset in 0..1_u32 << pages.len() {
        let mut image = before.to_vec();
        image.resize(after.len().max(before.len()), 0);
        for (_, page) in pages.iter().enumerate().filter(|(bit, _)| subset >> bit & 1 == 1) {
            let range = page * PAGE_BYTES..((page + 1) * PAGE_BYTES).min(after.len());
            image[range.clone()].copy_from_slice(&after[range]);
        }
        images.push(image);
    }
    // The log is cut within and between frames, followed by nothing, by the old content or by garbage.
    let start = (0..after.len())
        .find(|&at| byte(before, at) != byte(after, at))
        .unwrap_or(0);
    for cut in (start..=after.len())
        .step_by(509)
        .chain((start..=after.len()).step_by(PAGE_BYTES))
    {
        images.push(after[..cut].to_vec());
        let torn = |rest: &mut dyn FnMut(usize) -> u8| {
            [&after[..cut], &(cut..after.len()).map(rest).collect::<Vec<u8>>()].concat()
        };
        images.push(torn(&mut |at| byte(before, at)));
        images.push(torn(&mut |_| 0xa5));
    }
    images
}

#[test]
fn any_part_of_the_log_that_was_written_leaves_a_batch_whole_or_absent() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 30);
    let mut count = 0;
    // A growing log, and a log that restarts over checkpointed frames.
    for begin in ["PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)"] {
        store.run(begin);
        for _ in 0..2 {
            let (before, known) = (Files::of(&folder), shop.clone());
            shop.sell_baskets_through(&store, &[3, 2]);
            let after = Files::of(&folder);
            assert!(before.main == after.main, "only the log changes");
            let mut heads = Vec::new();
            for log in images(&before.log, &after.log) {
                let image = Files {
                    main: before.main.clone(),
                    log,
                };
                heads.push(image.assert_one_of(&[&known, &shop]));
                count += 1;
            }
            assert!(heads.contains(&known.head) && heads.contains(&shop.head));
        }
    }
    eprintln!("{count} images");
}

#[test]
fn a_checkpoint_loses_nothing_whatever_part_was_written() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    store.run("PRAGMA wal_checkpoint(TRUNCATE)");
    shop.sell_baskets_through(&store, &[4, 1]);
    let before = Files::of(&folder);
    store.run("PRAGMA wal_checkpoint(FULL)");
    let after = Files::of(&folder);
    assert!(before.log == after.log && before.main != after.main);
    let images = images(&before.main, &after.main);
    eprintln!("{} images", images.len());
    for main in images {
        let log = before.log.clone();
        Files { main, log }.assert_one_of(&[&shop]);
    }
}
