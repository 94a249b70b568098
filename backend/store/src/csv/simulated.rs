//! A simulated disk. A loss of power may lose any unsynced sector, the last names changed since the folder was synced (in
//! order, as with a journal), and everything that a failed sync should have saved.

mod images;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::disk::{Disk, File};
use crate::private_file::FileId;

const SECTOR_BYTES: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Simulated(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    chance: StdRng,
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    renames: Vec<BTreeMap<PathBuf, usize>>,
    /// The disk before each step and within each write; `None` unless they are recorded.
    moments: Option<Vec<Simulated>>,
    steps_left: Option<u64>,
    room_bytes: Option<usize>,
    next_sync_fails: bool,
    writes: u64,
    now: Instant,
}

#[derive(Debug, Clone, Default)]
struct Content {
    now: Vec<u8>,
    safe: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Debug)]
struct Open {
    disk: Simulated,
    inode: usize,
}

impl Simulated {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: StdRng::seed_from_u64(seed),
            contents: Vec::new(),
            names: BTreeMap::new(),
            safe_names: BTreeMap::new(),
            renames: Vec::new(),
            moments: None,
            steps_left: None,
            room_bytes: None,
            next_sync_fails: false,
            writes: 0,
            now: Instant::now(),
        })))
    }

    /// Makes the machine stop within the step after the next `steps` steps.
    pub(super) fn stop_after(&self, steps: u64) {
        self.state().steps_left = Some(steps);
    }

    /// Limits the total growth of all files from now on.
    pub(super) fn leave_room(&self, bytes: Option<usize>) {
        self.state().room_bytes = bytes;
    }

    pub(super) fn fail_next_sync(&self) {
        self.state().next_sync_fails = true;
    }

    pub(super) fn pass(&self, time: Duration) {
        self.state().now += time;
    }

    /// The number of writes so far.
    pub(super) fn writes(&self) -> u64 {
        self.state().writes
    }

    pub(super) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).map(|&inode| state.contents[inode].now.clone())
    }

    /// The process restarts: everything written is still readable.
    pub(super) fn restart_process(&self) {
        let mut state = self.state();
        (state.steps_left, state.room_bytes, state.next_sync_fails) = (None, None, false);
    }

    /// The machine restarts after a loss of power.
    pub(super) fn restart_machine(&self) {
        self.restart_process();
        let mut state = self.state();
        let state = &mut *state;
        let kept = state.chance.random_range(0..=state.renames.len());
        let names = if kept == 0 {
            state.safe_names.clone()
        } else {
            state.renames[kept - 1].clone()
        };
        (state.names, state.safe_names) = (names.clone(), names);
        state.renames.clear();
        for content in &mut state.contents {
            content.lose(&mut state.chance);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Counts a change; fails after the machine has stopped.
    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        match &mut state.steps_left {
            Some(0) => return Err(io::Error::other("the machine has stopped")),
            Some(left) => *left -= 1,
            None => {}
        }
        state.record_moment();
        Ok(state)
    }

    fn file(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let inode = *self.state().names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Open {
            disk: self.clone(),
            inode,
        }))
    }
}

impl State {
    fn record_moment(&mut self) {
        if self.moments.is_some() {
            let moment = self.moment();
            self.moments.get_or_insert_default().push(moment);
        }
    }

    /// A copy of the disk as it is now.
    fn moment(&self) -> Simulated {
        let copy = Simulated::new(0);
        {
            let mut state = copy.state();
            state.contents = self.contents.clone();
            (state.names, state.safe_names) = (self.names.clone(), self.safe_names.clone());
            state.renames = self.renames.clone();
        }
        copy
    }

    fn name(&mut self, change: impl FnOnce(&mut BTreeMap<PathBuf, usize>) -> io::Result<()>) -> io::Result<()> {
        change(&mut self.names)?;
        self.renames.push(self.names.clone());
        Ok(())
    }
}

impl Content {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }

    fn save(&mut self, sectors: &BTreeSet<usize>) {
        for sector in sectors {
            let range = sector * SECTOR_BYTES..((sector + 1) * SECTOR_BYTES).min(self.now.len()).min(self.safe.len());
            if !range.is_empty() {
                self.safe[range.clone()].copy_from_slice(&self.now[range]);
            }
        }
    }

    /// Saves all sectors, on request or as the system's own write-back.
    fn sync(&mut self) {
        self.safe.resize(self.now.len(), 0);
        let dirty = std::mem::take(&mut self.dirty);
        self.save(&dirty);
    }

    /// Keeps what is safe and a random part of the rest.
    fn lose(&mut self, chance: &mut StdRng) {
        let lengths = [
            self.safe.len(),
            self.now.len(),
            chance.random_range(0..=self.now.len()).max(self.safe.len()),
        ];
        let length = lengths[chance.random_range(0..3)];
        self.safe.resize(length, 0);
        let share = [0.0, 0.5, 0.9, 1.0][chance.random_range(0..4)];
        let written: BTreeSet<usize> = self
            .dirty
            .iter()
            .copied()
            .filter(|_| chance.random_bool(share))
            .collect();
        self.save(&written);
        self.dirty.clear();
        self.now = self.safe.clone();
    }
}

impl Disk for Simulated {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.file(path)
    }

    fn open_to_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.file(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.step()?;
        let inode = state.contents.len();
        state.contents.push(Content::default());
        state.name(|names| {
            names.insert(path.to_owned(), inode);
            Ok(())
        })?;
        drop(state);
        self.file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?.name(|names| {
            let inode = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?
            .name(|names| names.remove(path).map(|_| ()).ok_or(io::ErrorKind::NotFound.into()))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let names = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(names
            .filter_map(|path| path.file_name()?.to_str().map(ToOwned::to_owned))
            .collect())
    }

    fn id_at(&self, path: &Path) -> io::Result<Option<FileId>> {
        Ok(self.state().names.get(path).copied().map(id))
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.step()?;
        state.safe_names = state.names.clone();
        state.renames.clear();
        Ok(())
    }

    fn now(&self) -> Instant {
        self.state().now
    }
}

fn id(inode: usize) -> FileId {
    FileId {
        device: 0,
        inode: inode as u64,
    }
}

impl File for Open {
    fn id(&self) -> io::Result<FileId> {
        Ok(id(self.inode))
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state().contents[self.inode].now.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let content = state.contents[self.inode]
            .now
            .get(usize::try_from(offset).unwrap()..)
            .unwrap_or_default();
        let length = content.len().min(buffer.len());
        buffer[..length].copy_from_slice(&content[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let step = self.disk.step().map(drop);
        let mut state = self.disk.state();
        let state = &mut *state;
        state.writes += 1;
        let part = &bytes[..state.chance.random_range(0..=bytes.len())];
        if step.is_err() || state.moments.is_some() {
            let whole = state.contents[self.inode].clone();
            state.contents[self.inode].write(part, offset);
            step?;
            state.record_moment();
            state.contents[self.inode] = whole;
        }
        let content = &mut state.contents[self.inode];
        let grown = (offset + bytes.len()).saturating_sub(content.now.len());
        match &mut state.room_bytes {
            Some(room) if grown > *room => {
                content.write(&part[..part.len().min(*room)], offset);
                if state.chance.random_bool(0.5) {
                    content.sync();
                }
                return Err(io::ErrorKind::StorageFull.into());
            }
            Some(room) => *room -= grown,
            None => {}
        }
        content.write(bytes, offset);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.step()?;
        let fails = std::mem::take(&mut state.next_sync_fails);
        let content = &mut state.contents[self.inode];
        let dirty = std::mem::take(&mut content.dirty);
        if fails {
            return Err(io::Error::other("the disk failed"));
        }
        content.dirty = dirty;
        content.sync();
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.step()?;
        let content = &mut state.contents[self.inode];
        content.now.resize(usize::try_from(length).unwrap(), 0);
        Ok(())
    }
}
