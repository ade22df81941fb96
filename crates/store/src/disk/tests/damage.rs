//! Files that are not what we wrote: each is read right, refused or set aside under another name. None is taken for empty.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use redb::{Database, TableDefinition};

use super::*;

/// A file with two commits: counts 0..100 once, then number 1 again.
fn sound(folder: &Folder) -> [BTreeMap<u128, u64>; 2] {
    let mut process = Process::start(folder, at(0));
    (0..100).for_each(|number| process.charge(number, at(0)));
    process.flush(at(0));
    let before = process.table();
    process.charge(1, at(1));
    process.flush(at(1));
    [before, process.table()]
}

/// Starts on a file with this content and compares what became of it.
fn check(case: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let folder = Folder::new();
    sound(&folder);
    let damaged = change(fs::read(folder.file()).expect("the file"));
    fs::write(folder.file(), &damaged).expect("written");
    let mut process = Process::try_start(&folder.0, at(90)).unwrap_or_else(|fault| panic!("{case}: {fault}"));
    let set_aside = process.opened.set_aside.take().unwrap_or_else(|| panic!("{case}: taken for sound"));
    assert!(process.table().is_empty(), "{case}");
    // What is no container at all has not been touched; of another program's, the check has noted that it was opened.
    let kept = fs::read(&set_aside.to).expect("set aside");
    assert!(kept == damaged || (kept.len() == damaged.len() && case.starts_with("another")), "{case}: kept as it was");
    assert_eq!(folder.names(), ["quota.redb", "quota.redb.damaged-20270115T120130Z"], "{case}");
    assert!(!set_aside.because.is_empty(), "{case}");
    // The new file is one to go on with.
    process.charge(7, at(91));
    process.flush(at(91));
    drop(process);
    let next = Process::start(&folder, at(92));
    assert_eq!((next.table(), next.opened.set_aside.is_none()), (BTreeMap::from([(7, 1)]), true), "{case}");
}

#[test]
fn a_damaged_file_is_set_aside() {
    check("empty", |_| Vec::new());
    check("text", |_| b"quota:\n  acme: 12\n".to_vec());
    check("one byte", |bytes| bytes[..1].to_vec());
    check("the head alone", |bytes| bytes[..320].to_vec());
    check("cut in the middle", |bytes| bytes[..bytes.len() / 2].to_vec());
    check("zeros", |bytes| vec![0; bytes.len()]);
    check("zeros but for the head", |bytes| {
        let zeros = bytes.len() - 4096;
        [&bytes[..4096], &vec![0; zeros]].concat()
    });
    check("noise but for the head", |bytes| {
        let noise = (0..bytes.len() - 4096).map(|at| u8::try_from(at * 31 % 251).expect("a byte"));
        bytes[..4096].iter().copied().chain(noise).collect()
    });
    check("another program's file", |_| {
        let folder = Folder::new();
        let path = folder.0.join("other");
        let database = Database::create(&path).expect("made");
        let transaction = database.begin_write().expect("begun");
        transaction.open_table(TableDefinition::<&str, &str>::new("x")).expect("made").insert("a", "b").expect("put");
        transaction.commit().expect("written");
        drop(database);
        fs::read(path).expect("read")
    });
}

#[test]
fn two_damaged_files_of_one_second_do_not_meet() {
    let folder = Folder::new();
    for content in ["first", "second"] {
        fs::write(folder.file(), content).expect("written");
        drop(Process::start(&folder, at(0)));
    }
    let names = folder.names();
    let contents: Vec<_> = names.iter().skip(1).map(|name| fs::read(folder.0.join(name)).expect("read")).collect();
    assert_eq!(contents, [b"first".to_vec(), b"second".to_vec()], "{names:?}");
}

/// One flipped bit anywhere: the counts are right, or those of the commit before, or the file is set aside.
#[test]
fn a_flipped_bit_is_never_read_as_a_count() {
    let folder = Folder::new();
    let states = sound(&folder);
    let bytes = fs::read(folder.file()).expect("the file");
    let mut set_aside = 0;
    // Of the head each byte that says something, of the pages in use as many again.
    let says = |at: &usize| bytes[*at] != 0;
    let head = (0..320).filter(says);
    let pages: Vec<usize> = (320..bytes.len()).filter(says).collect();
    let places = head.chain(pages.iter().copied().step_by(pages.len() / 80)).map(|at| (at, at % 8));
    for (place, bit) in places {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << bit;
        let folder = Folder::new();
        fs::File::create(folder.file()).and_then(|mut file| file.write_all(&flipped)).expect("written");
        match Process::try_start(&folder.0, at(2)) {
            Ok(process) if process.opened.set_aside.is_some() => set_aside += 1,
            Ok(process) => assert!(states.contains(&process.table()), "bit {bit} of byte {place}"),
            Err(fault) => panic!("bit {bit} of byte {place}: {fault}"),
        }
    }
    assert!(set_aside > 0, "no flip was noticed");
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = Folder::new();
    sound(&folder);
    let file = Database::open(folder.file()).expect("opened");
    let transaction = file.begin_write().expect("begun");
    transaction
        .open_table(TableDefinition::<&str, u64>::new("about"))
        .expect("there")
        .insert("format", 2)
        .expect("put");
    transaction.commit().expect("written");
    drop(file);
    let ours = fs::read(folder.file()).expect("read");
    let mut container = ours.clone();
    (container[64], container[192]) = (4, 4);
    for newer in [ours, container] {
        fs::write(folder.file(), &newer).expect("written");
        let fault = Process::try_start(&folder.0, at(2)).err().expect("refused");
        assert!(matches!(fault, OpenFault::Newer { .. }), "{fault}");
        assert_eq!(folder.names(), ["quota.redb"]);
    }
}
