//! The lines stay as they are: an old command speaks with a new gateway, and the other way round.

use super::*;

fn text(line: &[u8]) -> &str {
    std::str::from_utf8(line).unwrap()
}

#[test]
fn each_order_has_the_line_that_it_always_had() {
    let key = || SecretString::from("k");
    let person = || ("acme".to_owned(), "zoe".to_owned());
    let ((tenant, user), (tenant_2, user_2)) = (person(), person());
    let drop = |strangers, before: Option<&str>| {
        let before = before.map(str::to_owned);
        DropFiles { tenant: "acme".to_owned(), strangers, before }.to_line()
    };
    let keep = SecretOrder::KeepSecret { name: "snow".to_owned(), value: key() };
    let begin = MasterOrder::BeginMaster { in_use: key(), next: "n".into() };
    for (line, expected) in [
        (ListLetters { limit: 20 }.to_line(), r#"{"v":1,"do":"list","limit":20}"#),
        (OneLetter::Show { id: 17 }.to_line(), r#"{"v":1,"do":"show","id":17}"#),
        (OneLetter::Resend { id: 17 }.to_line(), r#"{"v":1,"do":"resend","id":17}"#),
        (OneLetter::Drop { id: 17 }.to_line(), r#"{"v":1,"do":"drop","id":17}"#),
        (keep.to_line(), r#"{"v":1,"do":"keep_secret","name":"snow","value":"k"}"#),
        (
            SecretOrder::ForgetSecret { name: "snow".to_owned() }.to_line(),
            r#"{"v":1,"do":"forget_secret","name":"snow"}"#,
        ),
        (ListFiles {}.to_line(), r#"{"v":1,"do":"list_files"}"#),
        (AcceptFilesPlace {}.to_line(), r#"{"v":1,"do":"accept_files_place"}"#),
        (
            drop(true, Some("2026-11-30T08:00:00Z")),
            r#"{"v":1,"do":"drop_files","tenant":"acme","strangers":true,"before":"2026-11-30T08:00:00Z"}"#,
        ),
        (drop(false, None), r#"{"v":1,"do":"drop_files","tenant":"acme","strangers":false}"#),
        (
            ErasePerson { tenant, user }.to_line(),
            r#"{"v":1,"do":"erase_person","tenant":"acme","user":"zoe"}"#,
        ),
        (
            ExportPerson { tenant: tenant_2, user: user_2 }.to_line().into(),
            r#"{"v":1,"do":"export_person","tenant":"acme","user":"zoe"}"#,
        ),
        (KeysOrder::KeysStatus.to_line(), r#"{"v":1,"do":"keys_status"}"#),
        (KeysOrder::RotateKeys.to_line(), r#"{"v":1,"do":"rotate_keys"}"#),
        (KeysOrder::RotateMessages.to_line(), r#"{"v":1,"do":"rotate_messages"}"#),
        (
            KeysOrder::RetireKey { root: "1f".to_owned() }.to_line(),
            r#"{"v":1,"do":"retire_key","root":"1f"}"#,
        ),
        (begin.to_line(), r#"{"v":1,"do":"begin_master","in_use":"k","next":"n"}"#),
        (
            MasterOrder::FinishMaster { newest: key() }.to_line(),
            r#"{"v":1,"do":"finish_master","newest":"k"}"#,
        ),
    ] {
        assert_eq!(text(&line), format!("{expected}\n"));
        let understood = match read(&line).unwrap() {
            Understood::Export(order) => order.to_line(),
            Understood::OneLine(order) => match order {
                OneLine::ListLetters(order) => order.to_line().to_vec(),
                OneLine::OneLetter(order) => order.to_line().to_vec(),
                OneLine::Secret(order) => order.to_line().to_vec(),
                OneLine::Erase(order) => order.to_line().to_vec(),
                OneLine::Keys(order) => order.to_line().to_vec(),
                OneLine::Master(order) => order.to_line().to_vec(),
                OneLine::ListFiles(order) => order.to_line().to_vec(),
                OneLine::DropFiles(order) => order.to_line().to_vec(),
                OneLine::AcceptFilesPlace(order) => order.to_line().to_vec(),
            },
        };
        assert_eq!(text(&understood), text(&line), "it is understood as what it is");
        // What it does not have is not passed over.
        let more = text(&line).replacen('{', "{\"befor\":\"\",", 1);
        let refusal = read(more.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(refusal.code, "unknown_member");
        assert!(refusal.message.contains("«befor»"), "{refusal}");
    }
}

#[test]
fn what_an_order_may_leave_out_may_still_be_left_out() {
    let least = read(b"{\"v\":1,\"do\":\"drop_files\",\"tenant\":\"acme\"}\n").unwrap();
    let Understood::OneLine(OneLine::DropFiles(least)) = least else { panic!("{least:?}") };
    assert_eq!(least, DropFiles { tenant: "acme".to_owned(), strangers: false, before: None });
}

/// What is answered, and that it is read as it was meant.
fn told<T: Done + Clone + PartialEq + std::fmt::Debug>(done: T) -> String {
    let outcome = Ok(done);
    let line = answer_line(&outcome);
    assert_eq!(read_answer(&line), Some(outcome));
    text(&line).to_owned()
}

#[test]
fn each_answer_has_the_line_that_it_always_had() {
    assert_eq!(told(Vec::<Letter>::new()), "{\"v\":1,\"letters\":[]}\n");
    let letter = Letter {
        id: 17,
        at: "2026-11-30T08:00:00Z".to_owned(),
        tenant: None,
        channel: None,
        bot: None,
        user: None,
        desk: None,
        effect: "say".to_owned(),
        session: None,
        request_id: None,
        attempts: 3,
        reason: "expired".to_owned(),
        meaning: "Late.".to_owned(),
        unsendable: Some(Refusal::new("session_over", "over")),
    };
    let shown = concat!(
        r#"{"id":17,"at":"2026-11-30T08:00:00Z","effect":"say","attempts":3,"reason":"expired","#,
        r#""meaning":"Late.","unsendable":{"code":"session_over","message":"over"}}"#
    );
    assert_eq!(told(letter.clone()), format!("{{\"v\":1,\"letter\":{shown}}}\n"));
    assert_eq!(told(vec![letter]), format!("{{\"v\":1,\"letters\":[{shown}]}}\n"));
    assert_eq!(told(SecretName("snow".to_owned())), "{\"v\":1,\"secret\":\"snow\"}\n");
    assert_eq!(told(MasterKeys), "{\"v\":1,\"master_key\":null}\n");
    assert_eq!(
        told(FilesPlaceAccepted { changed: true }),
        "{\"v\":1,\"files_place\":{\"changed\":true}}\n"
    );
    assert_eq!(
        told(FilesDropped { files: 1, bytes: 2, left: 0 }),
        "{\"v\":1,\"files_dropped\":{\"files\":1,\"bytes\":2,\"left\":0}}\n"
    );
    let tenant = TenantFiles { tenant: "acme".to_owned(), bytes: 2, of_strangers: 1 };
    let taken = FilesTaken {
        bytes: 2,
        of_strangers: 1,
        room: 9,
        room_of_tenant: 8,
        room_of_strangers: 7,
        tenants: vec![tenant],
    };
    assert_eq!(
        told(taken),
        concat!(
            r#"{"v":1,"files":{"bytes":2,"of_strangers":1,"room":9,"room_of_tenant":8,"#,
            r#""room_of_strangers":7,"tenants":[{"tenant":"acme","bytes":2,"of_strangers":1}]}}"#,
            "\n"
        )
    );
    let erased = told(crate::person::Erased::default());
    assert!(erased.starts_with("{\"v\":1,\"erased\":{\"conversations\":0,"), "{erased}");
}

#[test]
fn a_refusal_is_read_whatever_was_ordered_and_what_is_no_answer_to_it_is_not() {
    let refusal = Refusal::new("busy", "later");
    let line = answer_line::<Letter>(&Err(refusal.clone()));
    assert_eq!(text(&line), "{\"v\":1,\"error\":{\"code\":\"busy\",\"message\":\"later\"}}\n");
    assert_eq!(read_answer::<SecretName>(&line), Some(Err(refusal)));
    for line in [
        "",
        "{}",
        "{\"v\":1}",
        "{\"v\":2,\"secret\":\"snow\"}",
        "{\"secret\":\"snow\"}",
        "{\"v\":1,\"secret\":7}",
        "{\"v\":1,\"letters\":[]}",
    ] {
        assert_eq!(read_answer::<SecretName>(line.as_bytes()), None, "{line}");
    }
    // A newer gateway may say more.
    let more = b"{\"v\":1,\"secret\":\"snow\",\"more\":true}\n";
    assert_eq!(read_answer(more), Some(Ok(SecretName("snow".to_owned()))));
}
