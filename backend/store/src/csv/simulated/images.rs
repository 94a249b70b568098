//! Every state of the disk that a loss of power can leave.
//!
//! Synced content survives. Of the names changed since their folder was synced any prefix survives (a journal keeps their
//! order). Of a file's unsynced pages any subset survives; the other pages have the old content or zeros, or the file is
//! shorter.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{BTreeMap, Content, Path, PathBuf, Simulated};

/// The unit in which a disk writes.
const PAGE_BYTES: usize = 4096;
/// An unsynced range of the ledger up to this size is cut at every byte; a larger one at the ends of lines and around the ends
/// of pages.
const EACH_BYTE_MAX: usize = 700;

impl Simulated {
    /// Records the disk at each moment from now on.
    pub(in crate::csv) fn record_moments(&self) {
        self.state().moments = Some(Vec::new());
    }

    /// Ends the recording and returns the recorded disks.
    pub(in crate::csv) fn take_moments(&self) -> Vec<Self> {
        self.state().moments.take().unwrap_or_default()
    }

    /// A copy of the disk as it is now.
    pub(in crate::csv) fn moment(&self) -> Self {
        self.state().moment()
    }

    /// A hash of all files, to distinguish disks.
    pub(in crate::csv) fn hash(&self) -> u64 {
        let state = self.state();
        let files = state
            .names
            .iter()
            .map(|(path, &inode)| (path, &state.contents[inode].now));
        let mut hasher = DefaultHasher::new();
        files.for_each(|file| file.hash(&mut hasher));
        hasher.finish()
    }

    /// Visits every state that a loss of power can leave, each as a disk of its own.
    pub(in crate::csv) fn each_image(&self, mut visit: impl FnMut(Self)) {
        let state = self.state();
        let names = std::iter::once(&state.safe_names).chain(&state.renames);
        let mut seen = BTreeSet::new();
        for names in names {
            let dirty: Vec<usize> = names
                .values()
                .copied()
                .filter(|&inode| state.contents[inode].is_dirty())
                .collect();
            // One file at a time is partly written; the others are written completely or not at all.
            for others_are_written in [false, true] {
                let content = |inode: usize| {
                    let content = &state.contents[inode];
                    if others_are_written {
                        &content.now
                    } else {
                        &content.safe
                    }
                };
                let files: BTreeMap<&Path, &Vec<u8>> = names
                    .iter()
                    .map(|(path, &inode)| (path.as_path(), content(inode)))
                    .collect();
                if seen.insert(
                    files
                        .clone()
                        .into_iter()
                        .map(|(path, bytes)| (path.to_owned(), bytes.clone()))
                        .collect::<Vec<_>>(),
                ) {
                    visit(Self::with_files(0, files.clone()));
                }
                for &inode in &dirty {
                    let path = names
                        .iter()
                        .find(|&(_, &other)| other == inode)
                        .map(|(path, _)| path.as_path());
                    let is_ledger = path.is_some_and(|path| path.ends_with("ledger.csv"));
                    for image in state.contents[inode].images(is_ledger) {
                        let mut files = files.clone();
                        files.insert(path.unwrap(), &image);
                        visit(Self::with_files(0, files.clone()));
                    }
                }
                if dirty.is_empty() {
                    break;
                }
            }
        }
    }

    /// A disk with these files, all durable.
    pub(in crate::csv) fn with_files<'a>(seed: u64, files: impl IntoIterator<Item = (&'a Path, &'a Vec<u8>)>) -> Self {
        let disk = Self::new(seed);
        {
            let mut state = disk.state();
            for (inode, (path, bytes)) in files.into_iter().enumerate() {
                state.contents.push(Content {
                    now: bytes.clone(),
                    safe: bytes.clone(),
                    dirty: BTreeSet::new(),
                });
                state.names.insert(PathBuf::from(path), inode);
            }
            state.safe_names = state.names.clone();
        }
        disk
    }
}

impl Content {
    fn is_dirty(&self) -> bool {
        self.now != self.safe
    }

    fn byte(content: &[u8], at: usize) -> u8 {
        content.get(at).copied().unwrap_or(0)
    }

    /// The possible contents of the file.
    fn images(&self, is_ledger: bool) -> BTreeSet<Vec<u8>> {
        let longest = self.now.len().max(self.safe.len());
        let differs = |&at: &usize| self.now.get(at) != self.safe.get(at);
        let start = (0..longest).find(differs).unwrap_or(longest);
        let mut images = self.subsets(start, longest);
        for (cut, is_torn_too) in self.cuts(start, is_ledger) {
            let (head, rest) = (&self.now[..cut], cut..self.now.len());
            images.insert(head.to_vec());
            if is_torn_too {
                let before: Vec<u8> = rest.clone().map(|at| Self::byte(&self.safe, at)).collect();
                let garbage: Vec<u8> = rest.map(|at| self.now[at] ^ 0x20).collect();
                images.extend([[head, &before].concat(), [head, &garbage].concat()]);
            }
        }
        images
    }

    /// The offsets at which the file may be cut, each with whether old or wrong bytes may follow.
    fn cuts(&self, start: usize, is_ledger: bool) -> Vec<(usize, bool)> {
        let end = self.now.len();
        let is_line = |at: usize| at > 0 && self.now[at - 1] == b'\n';
        let is_page = |at: usize| [0, 1, PAGE_BYTES - 1].contains(&(at % PAGE_BYTES));
        let each_byte = is_ledger && end.saturating_sub(start) <= EACH_BYTE_MAX;
        (start..=end)
            .map(|at| {
                (
                    at,
                    at.is_multiple_of(8) && each_byte || is_line(at) || is_page(at) || at == end,
                )
            })
            .filter(|&(_, is_edge)| each_byte || is_edge)
            .collect()
    }

    /// Every subset of the pages, with the new length and, without the last pages, a shorter one.
    fn subsets(&self, start: usize, end: usize) -> BTreeSet<Vec<u8>> {
        let pages: Vec<usize> = (start / PAGE_BYTES..end.div_ceil(PAGE_BYTES)).collect();
        assert!(pages.len() <= 8, "{} un-synced pages", pages.len());
        let mut images = BTreeSet::new();
        for subset in 0..1_u32 << pages.len() {
            let mut image = self.safe.clone();
            image.resize(end, 0);
            let mut written = self.safe.len();
            for (bit, page) in pages.iter().enumerate() {
                if subset >> bit & 1 == 1 {
                    let range = page * PAGE_BYTES..((page + 1) * PAGE_BYTES).min(end);
                    range.clone().for_each(|at| image[at] = Self::byte(&self.now, at));
                    written = written.max(range.end);
                }
            }
            image.truncate(self.now.len().max(self.safe.len()));
            images.insert(image[..written.min(image.len())].to_vec());
            images.insert(image);
        }
        images
    }
}
