//! The data of payments, as files: whole or not at all.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use psk_chunking::receive::{PaymentKey, ReceiveEvent};
use serde_json::json;

use crate::output::{Output, base64url};

/// Writes the data of each payment into a file of its own, named for the payment's id in base64url. Until all is there
/// and on the disk it has another name, `.psk-*.partial`, and it is gone if the rest never comes.
///
/// A thread of its own writes, because whoever tells the data must not wait.
#[derive(Debug)]
pub(crate) struct DataFiles {
    teller: DataTeller,
    writer: JoinHandle<()>,
}

/// Tells the writer what was received; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DataTeller {
    told: Sender<Told>,
    waiting: Arc<Waiting>,
}

#[derive(Debug)]
enum Told {
    Event(ReceiveEvent),
    /// Octets of this payment found no room.
    Lost(PaymentKey),
    /// No more is to be written, whoever might still tell something.
    Close,
}

/// What waits to be written.
#[derive(Debug)]
struct Waiting {
    octets: AtomicUsize,
    max_octets: usize,
    /// The payments of which some octets found no room, until their data ends.
    lost: Mutex<HashSet<PaymentKey>>,
}

/// So many octets may wait for a disk that is slower than the network. Data costs its senders nothing, so it must not
/// cost us all our memory.
const MAX_WAITING: usize = 64 << 20;

impl DataFiles {
    /// For a directory, which is made if it is not there. What an earlier process left incomplete is removed: a
    /// directory belongs to one receiver at a time.
    pub(crate) fn open(directory: &Path, output: Output) -> io::Result<Self> {
        let files = Files::open(directory)?;
        let (teller, events) = DataTeller::new(MAX_WAITING);
        let waiting = teller.waiting.clone();
        let writer = std::thread::Builder::new().name("data".to_owned());
        let writer = writer.spawn(move || write_all(files, &events, &waiting, output))?;
        Ok(Self { teller, writer })
    }

    pub(crate) fn teller(&self) -> DataTeller {
        self.teller.clone()
    }

    /// Writes what has been told until now, and removes what is not whole.
    pub(crate) fn close(self) {
        let told = self.teller.told.send(Told::Close);
        if told.is_err() || self.writer.join().is_err() {
            tracing::error!("the writer of data has panicked");
        }
    }
}

impl DataTeller {
    fn new(max_octets: usize) -> (Self, Receiver<Told>) {
        let (told, events) = channel();
        let waiting = Waiting { octets: AtomicUsize::new(0), max_octets, lost: Mutex::default() };
        (Self { told, waiting: Arc::new(waiting) }, events)
    }

    pub(crate) fn tell(&self, event: &ReceiveEvent) {
        let told = match event {
            ReceiveEvent::Data { payment, data, .. } => match self.waiting.add(payment, data.len()) {
                Room::Found => Told::Event(event.clone()),
                Room::Missing => Told::Lost(payment.clone()),
                Room::MissedBefore => return,
            },
            ReceiveEvent::DataCutOff { payment } | ReceiveEvent::DataComplete { payment, .. } => {
                self.waiting.has_ended(payment);
                Told::Event(event.clone())
            }
            _ => return,
        };
        // The writer ends when nobody can tell it anything any more.
        let _ = self.told.send(told);
    }
}

/// Whether octets may wait.
enum Room {
    Found,
    Missing,
    /// Octets that came before them found none.
    MissedBefore,
}

/// What each piece that waits takes beside its own octets.
const OVERHEAD_OF_PIECE: usize = 256;

impl Waiting {
    /// So many octets of a payment are to wait.
    fn add(&self, payment: &PaymentKey, octets: usize) -> Room {
        if self.lost().contains(payment) {
            return Room::MissedBefore;
        }
        let with_more = |waiting: usize| {
            let more = waiting.checked_add(octets)?.checked_add(OVERHEAD_OF_PIECE)?;
            (more <= self.max_octets).then_some(more)
        };
        match self.octets.fetch_update(Ordering::SeqCst, Ordering::SeqCst, with_more) {
            Ok(_) => Room::Found,
            Err(_) => {
                self.lost().insert(payment.clone());
                Room::Missing
            }
        }
    }

    /// So many octets wait no more.
    fn remove(&self, octets: usize) {
        // As they were added.
        self.octets.fetch_sub(octets + OVERHEAD_OF_PIECE, Ordering::SeqCst);
    }

    fn has_ended(&self, payment: &PaymentKey) {
        self.lost().remove(payment);
    }

    fn lost(&self) -> MutexGuard<'_, HashSet<PaymentKey>> {
        // Nothing panics while it holds the lock.
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(mut files: Files, events: &Receiver<Told>, waiting: &Waiting, output: Output) {
    while let Ok(told) = events.recv() {
        match told {
            Told::Event(ReceiveEvent::Data { payment, data, .. }) => {
                files.add(payment, &data);
                waiting.remove(data.len());
            }
            Told::Event(ReceiveEvent::DataCutOff { payment }) => files.drop_partial(&payment),
            Told::Event(ReceiveEvent::DataComplete { payment, length }) => {
                tell(&files.complete(&payment), &payment, length, output)
            }
            Told::Event(_) => {}
            Told::Lost(payment) => {
                files.fail(payment, io::Error::other("too much data waited to be written"))
            }
            Told::Close => break,
        }
    }
    files.drop_all();
}

fn tell(result: &io::Result<PathBuf>, payment: &PaymentKey, length: u64, output: Output) {
    let payment_id = base64url(payment.payment_id.octets());
    match result {
        Ok(path) => {
            let file = path.display().to_string();
            let text = format!("data: {length} octets in {file}");
            output.emit(
                json!({"event": "data", "payment_id": payment_id, "length": length, "file": file}),
                text,
            );
        }
        Err(error) => {
            let error = error.to_string();
            let text = format!("data: {length} octets were not written: {error}");
            let line = json!({"event": "data", "payment_id": payment_id, "length": length, "error": error});
            output.emit(line, text);
        }
    }
}

/// The files of one directory.
#[derive(Debug)]
struct Files {
    directory: PathBuf,
    partial: HashMap<PaymentKey, Partial>,
    made: u64,
}

/// What has come of a payment's data.
#[derive(Debug)]
enum Partial {
    At(PathBuf),
    /// It could not be written: why, for when the rest is there.
    Failed(io::Error),
}

const PREFIX: &str = ".psk-";
const SUFFIX: &str = ".partial";

impl Files {
    fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(PREFIX) && name.ends_with(SUFFIX) && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { directory: directory.to_owned(), partial: HashMap::new(), made: 0 })
    }

    /// Adds octets, which come in order.
    fn add(&mut self, payment: PaymentKey, data: &Bytes) {
        let path = match self.partial.get(&payment) {
            Some(Partial::At(path)) => path.clone(),
            Some(Partial::Failed(_)) => return,
            None => self.new_name(),
        };
        // Not kept open: there may be more payments than files may be open.
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let partial = match file.and_then(|mut file| file.write_all(data)) {
            Ok(()) => Partial::At(path),
            Err(error) => {
                remove(&path);
                Partial::Failed(error)
            }
        };
        self.partial.insert(payment, partial);
    }

    /// The payment's data is not whole any more: why.
    fn fail(&mut self, payment: PaymentKey, error: io::Error) {
        if let Some(Partial::At(path)) = self.partial.insert(payment, Partial::Failed(error)) {
            remove(&path);
        }
    }

    /// Gives the file its name, once it is on the disk. A file that has the name already stays as it is: another sender
    /// may have chosen the same id.
    fn complete(&mut self, payment: &PaymentKey) -> io::Result<PathBuf> {
        let partial = match self.partial.remove(payment) {
            Some(Partial::At(path)) => path,
            Some(Partial::Failed(error)) => return Err(error),
            None => {
                // No octets at all.
                let path = self.new_name();
                File::create_new(&path)?;
                path
            }
        };
        let name = self.directory.join(base64url(payment.payment_id.octets()));
        let written = File::open(&partial).and_then(|file| file.sync_all());
        // A link and not a renaming, which would replace what is there.
        let linked = written.and_then(|()| fs::hard_link(&partial, &name));
        remove(&partial);
        linked?;
        // So that the name is on the disk too.
        File::open(&self.directory).and_then(|directory| directory.sync_all())?;
        Ok(name)
    }

    fn drop_partial(&mut self, payment: &PaymentKey) {
        if let Some(Partial::At(path)) = self.partial.remove(payment) {
            remove(&path);
        }
    }

    fn drop_all(&mut self) {
        for (_, partial) in self.partial.drain() {
            if let Partial::At(path) = partial {
                remove(&path);
            }
        }
    }

    fn new_name(&mut self) -> PathBuf {
        self.made += 1;
        self.directory.join(format!("{PREFIX}{}-{}{SUFFIX}", std::process::id(), self.made))
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "an incomplete file could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(account: &str, id: u8) -> PaymentKey {
        PaymentKey { account: account.parse().unwrap(), payment_id: psk_codec::psk::PaymentId::new([id; 16]) }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn data_is_there_as_a_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("made");
        let mut files = Files::open(&directory).unwrap();
        let (whole, cut_off, empty, open) =
            (payment("a", 1), payment("a", 2), payment("a", 3), payment("a", 4));
        files.add(whole.clone(), &"hello ".into());
        files.add(cut_off.clone(), &"never ".into());
        files.add(open, &"nobody knows".into());
        files.add(whole.clone(), &"world".into());
        assert_eq!(names(&directory).iter().filter(|name| name.ends_with(SUFFIX)).count(), 3);
        files.drop_partial(&cut_off);
        let path = files.complete(&whole).unwrap();
        assert_eq!(path, directory.join("AQEBAQEBAQEBAQEBAQEBAQ"));
        assert_eq!(fs::read(&path).unwrap(), b"hello world");
        assert_eq!(fs::read(files.complete(&empty).unwrap()).unwrap(), b"");
        files.drop_all();
        assert_eq!(names(&directory), ["AQEBAQEBAQEBAQEBAQEBAQ", "AwMDAwMDAwMDAwMDAwMDAw"]);
    }

    #[test]
    fn what_is_there_is_not_replaced_and_what_a_crash_left_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let mut files = Files::open(place.path()).unwrap();
        for account in ["a", "b"] {
            files.add(payment(account, 1), &account.into());
        }
        files.complete(&payment("a", 1)).unwrap();
        let error = files.complete(&payment("b", 1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(place.path().join("AQEBAQEBAQEBAQEBAQEBAQ")).unwrap(), b"a");
        files.add(payment("c", 2), &"c".into());
        assert_eq!(names(place.path()).len(), 2);
        // The process has crashed, and begins again.
        let _files = Files::open(place.path()).unwrap();
        assert_eq!(names(place.path()), ["AQEBAQEBAQEBAQEBAQEBAQ"]);
    }

    #[test]
    fn what_cannot_be_written_is_told_when_the_data_ends() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("gone");
        let mut files = Files::open(&directory).unwrap();
        fs::remove_dir(&directory).unwrap();
        files.add(payment("a", 1), &"hello".into());
        files.add(payment("a", 1), &"world".into());
        files.complete(&payment("a", 1)).unwrap_err();
        assert!(!directory.exists());
    }

    #[test]
    fn what_a_slow_disk_has_no_room_for_fails_and_what_it_has_is_written() {
        let place = tempfile::tempdir().unwrap();
        let (teller, events) = DataTeller::new(3_000);
        let brings = |id, offset, octets: usize| ReceiveEvent::Data {
            payment: payment("a", id),
            offset,
            data: vec![id; octets].into(),
        };
        let ends = |id, length| ReceiveEvent::DataComplete { payment: payment("a", id), length };
        let run = |teller: &DataTeller, events: &Receiver<Told>| {
            let files = Files::open(place.path()).unwrap();
            teller.told.send(Told::Close).unwrap();
            write_all(files, events, &teller.waiting, Output::new(true));
        };
        // Nothing is written before all this is told.
        teller.tell(&brings(1, 0, 1_000));
        teller.tell(&brings(2, 0, 1_000));
        teller.tell(&brings(2, 1_000, 1_000));
        teller.tell(&brings(3, 0, 10));
        teller.tell(&brings(2, 2_000, 1));
        teller.tell(&ends(2, 2_001));
        teller.tell(&ends(1, 1_000));
        teller.tell(&ends(3, 10));
        run(&teller, &events);
        assert_eq!(names(place.path()), ["AQEBAQEBAQEBAQEBAQEBAQ", "AwMDAwMDAwMDAwMDAwMDAw"]);
        assert_eq!(fs::read(place.path().join("AQEBAQEBAQEBAQEBAQEBAQ")).unwrap(), vec![1; 1_000]);
        // There is room again, also for another payment of that id.
        teller.tell(&brings(2, 0, 2_000));
        teller.tell(&ends(2, 2_000));
        run(&teller, &events);
        assert_eq!(names(place.path()).len(), 3);
        assert_eq!(teller.waiting.octets.load(Ordering::SeqCst), 0);
    }
}
