use super::*;
use std::sync::mpsc::{self, Receiver, Sender};

const PATIENCE: Duration = Duration::from_secs(10);

/// Tells of each write and takes it only when told to; a dropped teller lets everything pass.
struct Gate {
    told: Sender<Vec<u8>>,
    go: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.told.send(bytes.to_vec()).ok();
        self.go.recv().ok();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fails as long as the flag is up.
struct Full(Arc<Mutex<bool>>);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.0.lock().unwrap() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn counter() -> IntCounter {
    IntCounter::new("dropped", "Lines.").unwrap()
}

fn gated() -> (Writer, IntCounter, Receiver<Vec<u8>>, Sender<()>) {
    let ((told, batches), (gate, go)) = (mpsc::channel(), mpsc::channel());
    let dropped = counter();
    let sink = Sink::new(Box::new(Gate { told, go }), Box::new(|| Ok(None)));
    (Writer::start(sink, dropped.clone()).unwrap(), dropped, batches, gate)
}

#[test]
fn a_stuck_output_neither_blocks_nor_grows() {
    let (writer, dropped, batches, gate) = gated();
    writer.push(b"first\n");
    assert_eq!(batches.recv_timeout(PATIENCE).unwrap(), b"first\n");
    let line = [b'x'; 1_024];
    for _ in 0..PENDING_BYTES_MAX / line.len() {
        writer.push(&line);
    }
    assert_eq!(dropped.get(), 0);
    writer.push(&line);
    writer.push(b"short\n");
    assert_eq!(dropped.get(), 2);
    assert!(!writer.flush(Duration::from_millis(1)));
    drop(gate);
    assert!(writer.flush(PATIENCE));
    assert_eq!(batches.recv_timeout(PATIENCE).unwrap().len(), PENDING_BYTES_MAX);
    writer.push(b"again\n");
    assert!(writer.flush(PATIENCE));
    assert_eq!((batches.recv_timeout(PATIENCE).unwrap().as_slice(), dropped.get()), (b"again\n".as_slice(), 2));
}

#[test]
fn a_line_is_written_without_being_asked_for() {
    let (writer, _, batches, gate) = gated();
    drop(gate);
    writer.push(b"line\n");
    assert_eq!(batches.recv_timeout(PATIENCE).unwrap(), b"line\n");
}

#[test]
fn dropping_writes_what_is_left() {
    let (writer, _, batches, gate) = gated();
    drop(gate);
    writer.push(b"one\n");
    writer.push(b"two\n");
    drop(writer);
    assert_eq!(batches.into_iter().collect::<Vec<_>>().concat(), b"one\ntwo\n");
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let full = Arc::new(Mutex::new(true));
    let dropped = counter();
    let sink = Sink::new(Box::new(Full(Arc::clone(&full))), Box::new(|| Ok(None)));
    let writer = Writer::start(sink, dropped.clone()).unwrap();
    writer.push(b"one\n");
    writer.push(b"two\n");
    assert!(writer.flush(PATIENCE));
    assert_eq!(dropped.get(), 2);
    *full.lock().unwrap() = false;
    writer.push(b"three\n");
    assert!(writer.flush(PATIENCE));
    assert_eq!(dropped.get(), 2);
}

#[test]
fn flushing_nothing_returns_at_once() {
    let (writer, _, _, gate) = gated();
    assert!(writer.flush(PATIENCE));
    drop(gate);
}

#[test]
fn no_line_is_lost_or_torn_between_threads() {
    let (writer, dropped, batches, gate) = gated();
    drop(gate);
    thread::scope(|scope| {
        for thread in 0..4 {
            let writer = &writer;
            scope.spawn(move || (0..2_000).for_each(|line| writer.push(format!("{thread} {line}\n").as_bytes())));
        }
    });
    drop(writer);
    let text = String::from_utf8(batches.into_iter().collect::<Vec<_>>().concat()).unwrap();
    for thread in 0..4 {
        let prefix = format!("{thread} ");
        let lines: Vec<u32> = text.lines().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
        assert!(lines.iter().copied().eq(0..2_000), "lines of thread {thread} are in order and complete");
    }
    assert_eq!((text.lines().count(), dropped.get()), (8_000, 0));
}
