//! What commands say when the gateway dies before it answers, is somebody else's or is not there, and when two
//! of them collide: what is so, and what to do.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixListener,
    process::Child,
    time::timeout,
};

use crate::{
    house::{House, Setting},
    page::eventually,
    person::warmline,
    process::{WITHIN, command},
};

/// A command that runs beside the test.
fn begins(house: &House, arguments: &[&str]) -> Child {
    let mut command = command(&house.environment);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

async fn ends(child: Child) -> (Option<i32>, String) {
    let ended = timeout(WITHIN, child.wait_with_output()).await.expect("it ends in time");
    let Output { status, stderr, .. } = ended.unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The sentence of a command that fails.
async fn refused(house: &House, arguments: &[&str]) -> String {
    let (code, out, err) = warmline(house, arguments).await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}: {err}");
    assert_eq!(err.lines().count(), 1, "one sentence: {err}");
    err
}

async fn done(house: &House, arguments: &[&str]) -> String {
    let (code, out, err) = warmline(house, arguments).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

fn socket(house: &House) -> PathBuf {
    house.data_dir().join("warmline.sock")
}

/// Waits until this many commands have reached the gateway, which takes nothing.
async fn reached(house: &House, count: usize) {
    // The system calls it as it was called when it was made.
    let socket = socket(house).with_extension("sock.new").display().to_string();
    eventually("they reach the gateway", || async {
        let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
        // The gateway's own is one of them.
        let found = sockets.lines().filter(|line| line.ends_with(&socket)).count();
        (found > count).then_some(())
    })
    .await;
}

/// Orders, and what is said when it is not known what became of them.
const ORDERS: [(&[&str], &str); 9] = [
    (&["dead-letters", "list"], AGAIN),
    (&["dead-letters", "drop", "7"], "is not known: look with `warmline dead-letters list`"),
    (&["dead-letters", "resend", "7"], "is not known: look with `warmline dead-letters list`"),
    (&["files", "list"], AGAIN),
    (
        &["files", "drop", "--tenant", "default", "--yes"],
        "is not known: look with `warmline files list`",
    ),
    (&["keys", "status"], AGAIN),
    (&["keys", "rotate"], "is not known: look with `warmline keys status`"),
    (&["secret", "remove", "snow"], "is not known: do the same again"),
    (&["person", "erase", "--user", "zoe", "--yes"], "is not known: do the same again"),
];

/// What is said of an order that changes nothing.
const AGAIN: &str = "nothing was to be changed by it: ask again";

/// What is said of an export.
const NOTHING_LEFT: &str = "nothing is left of it, so ask again";

fn says_what_is_so(arguments: &[&str], said: &str, what_now: &str) {
    assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    assert!(said.contains("the gateway ended"), "{arguments:?}: {said}");
    assert!(said.contains(what_now), "{arguments:?}: {said}");
    for misleads in ["release", "run this as", "no gateway answers", "os error"] {
        assert!(!said.contains(misleads), "{arguments:?}: {said}");
    }
}

/// Takes an order in the place of a gateway, and answers this.
async fn answers(listener: &UnixListener, answer: &[u8]) {
    let (stream, _) = timeout(WITHIN, listener.accept()).await.expect("it asks").unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("{\"v\":1,\"do\":"), "{line}");
    stream.write_all(answer).await.unwrap();
}

#[tokio::test]
async fn what_a_gateway_leaves_unanswered_is_told_with_what_to_do() {
    let mut house = House::start(Setting::default()).await;
    house.terminate().await;
    let listener = UnixListener::bind(socket(&house)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let export = ["person", "export", "--user", "zoe", "--out", &out];
    for (arguments, what_now) in ORDERS {
        for answer in [&b""[..], b"{\"v\":1,"] {
            let ((), said) = tokio::join!(answers(&listener, answer), refused(&house, arguments));
            says_what_is_so(arguments, &said, what_now);
        }
        for answer in [&b"{\"v\":2,\"done\":1}\n"[..], b"{\"v\":1,\"other\":1}\n"] {
            let ((), said) = tokio::join!(answers(&listener, answer), refused(&house, arguments));
            assert!(said.contains("use the command of the same release"), "{said}");
            assert!(said.contains(what_now), "{said}");
        }
        let answer = b"{\"v\":1,\"error\":{\"code\":\"busy\",\"message\":\"later\"}}\n";
        let ((), said) = tokio::join!(answers(&listener, answer), refused(&house, arguments));
        assert!(said.contains("later (busy)"), "{said}");
    }
    for answer in [&b""[..], b"{\"conversation\":{}}\n", b"{\"conversation\":"] {
        let ((), said) = tokio::join!(answers(&listener, answer), refused(&house, &export));
        says_what_is_so(&export, &said, NOTHING_LEFT);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_command_whose_gateway_is_killed_says_so_or_does_without_it() {
    let mut house = House::start(Setting::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let export = ["person", "export", "--user", "zoe", "--out", &out];
    house.gateway().signal("STOP").await;
    let all = ORDERS.into_iter().chain([(&export[..], NOTHING_LEFT)]);
    let asked: Vec<_> =
        all.map(|(order, what_now)| (order, what_now, begins(&house, order))).collect();
    reached(&house, asked.len()).await;
    house.kill().await;
    for (arguments, what_now, child) in asked {
        let (code, said) = ends(child).await;
        // One that had not said its order yet finds no gateway, and may do without.
        let without = code == Some(0)
            || said.contains("(no_such_letter)")
            || said.contains("no secret snow")
            || said.contains("none runs, or it is starting");
        if !without {
            assert_eq!(code, Some(1), "{arguments:?}: {said}");
            says_what_is_so(arguments, &said, what_now);
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left of the export");

    // The socket that it left behind holds up nobody.
    assert!(socket(&house).exists());
    assert_eq!(done(&house, &["dead-letters", "list"]).await, "There are no dead letters.\n");
    assert!(refused(&house, &["dead-letters", "drop", "7"]).await.contains("(no_such_letter)"));
    done(&house, &["keys", "status"]).await;
    assert_eq!(done(&house, &export).await, "Nothing is kept of them.\n");
    let erase = ["person", "erase", "--user", "zoe", "--yes"];
    assert_eq!(done(&house, &erase).await, "Nothing is kept of them.\n");
    assert!(refused(&house, &["secret", "remove", "snow"]).await.contains("no secret snow"));
    let said = refused(&house, &["files", "list"]).await;
    assert!(said.contains("none runs, or it is starting or stopping"), "{said}");
}

/// Runs a command as somebody who is not the gateway's user: as nobody where the test may, else as its own user
/// to whom the place is closed.
async fn refused_to_others(house: &House, arguments: &[&str]) -> String {
    let mut command = command(&house.environment);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    if is_root() {
        command.uid(65_534).gid(65_534);
    }
    let (code, said) = ends(command.spawn().unwrap()).await;
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{arguments:?}: {said}");
    said
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_gateway_of_another_user_is_told_as_that() {
    let house = House::start(Setting::default()).await;
    let (data, temporary) = (house.data_dir(), std::env::temp_dir());
    let orders: [&[&str]; 5] = [
        &["dead-letters", "list"],
        &["files", "list"],
        &["keys", "status"],
        &["secret", "remove", "snow"],
        &["person", "erase", "--user", "zoe", "--yes"],
    ];
    // As it always is: the directory is its owner's alone.
    let (closed, open) = if is_root() { (0o700, 0o755) } else { (0o000, 0o700) };
    let is_ours = |above: &&Path| *above != temporary && above.starts_with(&temporary);
    for above in data.ancestors().skip(1).take_while(is_ours) {
        set_mode(above, 0o755);
    }
    set_mode(&data, closed);
    for arguments in orders {
        let said = refused_to_others(&house, arguments).await;
        assert!(said.contains("may not look into"), "{arguments:?}: {said}");
        assert!(said.contains("run this as the user that runs the gateway"), "{said}");
    }
    for arguments in [&["secret", "list"][..], &["keys", "rotate-master"]] {
        let said = refused_to_others(&house, arguments).await;
        assert!(said.contains("may not look into"), "{arguments:?}: {said}");
    }
    set_mode(&data, open);
    set_mode(&socket(&house), if is_root() { 0o600 } else { 0o000 });
    for arguments in orders {
        let said = refused_to_others(&house, arguments).await;
        assert!(said.contains("is for its owner alone"), "{arguments:?}: {said}");
        assert!(said.contains("run this as the user that runs the gateway"), "{said}");
    }
    set_mode(&data, 0o700);
}

#[tokio::test]
async fn data_that_somebody_has_open_without_listening_is_told_as_that() {
    let mut house = House::start(Setting::default()).await;
    house.terminate().await;
    let held = std::fs::File::open(house.data_dir().join("warmline.lock")).unwrap();
    held.lock().unwrap();
    let (list, rotate, erase) = tokio::join!(
        refused(&house, &["dead-letters", "list"]),
        refused(&house, &["keys", "rotate"]),
        refused(&house, &["person", "erase", "--user", "zoe", "--yes"]),
    );
    for said in [list, rotate, erase] {
        assert!(said.contains("does not answer on the control socket"), "{said}");
        assert!(said.contains("so nothing was done"), "{said}");
    }
    drop(held);
    assert_eq!(done(&house, &["dead-letters", "list"]).await, "There are no dead letters.\n");
}

/// A house whose master key lies in its data directory.
async fn with_key_file() -> (House, PathBuf) {
    let house = House::start_with(Setting::default(), |environment| {
        environment.remove("WARMLINE_MASTER_KEY");
    })
    .await;
    let key = house.data_dir().join("master.key");
    (house, key)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn of_two_changes_of_the_master_key_at_once_the_second_is_refused_and_does_nothing() {
    let (mut house, key) = with_key_file().await;
    let next = key.with_file_name("master.key.next");
    let first_key = read(&key);
    house.gateway().signal("STOP").await;
    let first = begins(&house, &["keys", "rotate-master"]);
    reached(&house, 1).await;
    let to_come = read(&next);
    let given = house.data_dir().with_file_name("given.key");
    std::fs::write(&given, "ab".repeat(32)).unwrap();
    set_mode(&given, 0o600);
    for second in [
        &["keys", "rotate-master"][..],
        &["keys", "rotate-master", "--new-key", given.to_str().unwrap()],
    ] {
        let said = refused(&house, second).await;
        assert!(said.contains("is being changed by another command"), "{said}");
        assert!(said.contains("nothing was done") && said.contains("(rotating)"), "{said}");
        assert_eq!((read(&key), read(&next)), (first_key.clone(), to_come.clone()));
    }
    house.gateway().signal("CONT").await;
    assert_eq!(ends(first).await, (Some(0), String::new()));
    assert_eq!((read(&key), next.exists()), (to_come.clone(), false));
    // The file of the lock stays, and holds up nobody.
    done(&house, &["keys", "rotate-master"]).await;
    assert_ne!(read(&key), to_come);
    house.restart().await;
    done(&house, &["keys", "status"]).await;
    for key in [first_key, to_come, read(&key)] {
        house.hides(key.trim());
    }
}

#[tokio::test]
async fn what_a_killed_change_of_the_master_key_left_is_done_by_the_next() {
    let (mut house, key) = with_key_file().await;
    for runs in [true, false] {
        if !runs {
            house.terminate().await;
        }
        for after in [1, 10, 20, 30, 40, 50, 70, 100] {
            let mut killed = begins(&house, &["keys", "rotate-master"]);
            tokio::time::sleep(Duration::from_millis(after)).await;
            killed.kill().await.unwrap();
            let left = read(&key);
            house.hides(left.trim());
            done(&house, &["keys", "rotate-master"]).await;
            let now = read(&key);
            house.hides(now.trim());
            assert_ne!(now, left, "after {after} ms");
            assert!(!key.with_file_name("master.key.next").exists(), "after {after} ms");
            // The data open with the key in the file, and with no other.
            if !runs {
                done(&house, &["keys", "status"]).await;
                std::fs::write(&key, &left).unwrap();
                let said = refused(&house, &["keys", "status"]).await;
                assert!(said.contains("the master key is not the one"), "{said}");
                std::fs::write(&key, &now).unwrap();
            }
        }
    }
    both_keys_open(&mut house, &key).await;
    done(&house, &["keys", "rotate-master"]).await;
    house.begin().await;
    done(&house, &["keys", "status"]).await;
}

/// Leaves what a kill leaves that comes after both keys open the data and before the file is replaced.
async fn both_keys_open(house: &mut House, key: &Path) {
    let next = key.with_file_name("master.key.next");
    house.environment.insert("WARMLINE_MASTER_KEY".into(), read(key).trim().into());
    done(house, &["keys", "rotate-master", "--new-key", next.to_str().unwrap()]).await;
    house.environment.remove("WARMLINE_MASTER_KEY");
    house.hides(read(&next).trim());
}

/// What root makes in the place of another user's gateway, that gateway cannot open.
#[tokio::test]
async fn root_makes_nothing_beside_the_store_of_another_user() {
    let mut house = House::start(Setting::default()).await;
    house.terminate().await;
    let data = house.data_dir();
    let there = || {
        let entries = std::fs::read_dir(&data).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    done(&house, &["keys", "status"]).await;
    // Nobody else can give it away; of their own data root and others are refused nothing.
    if !is_root() {
        return;
    }
    std::os::unix::fs::chown(data.join("warmline.db"), Some(65_534), None).unwrap();
    let before = there();
    for order in [
        &["keys", "rotate-master"][..],
        &["keys", "status"],
        &["person", "erase", "--user", "zoe", "--yes"],
    ] {
        let said = refused(&house, order).await;
        assert!(
            said.contains("belong to the user with the id 65534") && said.contains("sudo -u"),
            "{said}"
        );
        assert_eq!(there(), before, "{order:?}");
    }
}
