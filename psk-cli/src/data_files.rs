//! The data of payments, as files: whole or not at all.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
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
    told: Sender<Told>,
    writer: JoinHandle<()>,
}

/// Tells the writer what was received; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DataTeller(Sender<Told>);

#[derive(Debug)]
enum Told {
    Event(ReceiveEvent),
    /// No more is to be written, whoever might still tell something.
    Close,
}

impl DataFiles {
    /// For a directory, which is made if it is not there. What an earlier process left incomplete is removed: a
    /// directory belongs to one receiver at a time.
    pub(crate) fn open(directory: &Path, output: Output) -> io::Result<Self> {
        let files = Files::open(directory)?;
        let (told, events) = channel();
        let writer = std::thread::Builder::new().name("data".to_owned());
        let writer = writer.spawn(move || write_all(files, &events, output))?;
        Ok(Self { told, writer })
    }

    pub(crate) fn teller(&self) -> DataTeller {
        DataTeller(self.told.clone())
    }

    /// Writes what has been told until now, and removes what is not whole.
    pub(crate) fn close(self) {
        let told = self.told.send(Told::Close);
        if told.is_err() || self.writer.join().is_err() {
            tracing::error!("the writer of data has panicked");
        }
    }
}

impl DataTeller {
    pub(crate) fn tell(&self, event: &ReceiveEvent) {
        // The writer ends when nobody can tell it anything any more.
        let _ = self.0.send(Told::Event(event.clone()));
    }
}

fn write_all(mut files: Files, events: &Receiver<Told>, output: Output) {
    while let Ok(Told::Event(event)) = events.recv() {
        match event {
            ReceiveEvent::Data { payment, data, .. } => files.add(payment, &data),
            ReceiveEvent::DataCutOff { payment } => files.drop_partial(&payment),
            ReceiveEvent::DataComplete { payment, length } => {
                tell(&files.complete(&payment), &payment, length, output)
            }
            _ => {}
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
}
