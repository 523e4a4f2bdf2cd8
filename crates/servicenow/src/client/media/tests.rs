use std::time::Duration;

use http_body_util::BodyExt;

use super::*;
use crate::client::tests::instance::{Instance, Says, says};

const AMPLE: Duration = Duration::from_secs(20);
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn base() -> Url {
    Url::parse("https://acme.service-now.com/").unwrap()
}

#[test]
fn a_file_of_the_instance_is_known_by_its_address_and_nothing_else_is_one() {
    for (address, file) in [
        ("/api/now/v1/cs/media/abc.png", Some("/api/now/v1/cs/media/abc.png")),
        ("api/now/cs/media/abc", Some("/api/now/cs/media/abc")),
        ("https://ACME.service-now.com:443/abc.iix?t=small", Some("/abc.iix?t=small")),
        ("/abc.iix#x", Some("/abc.iix")),
        (
            &format!("sys_attachment.do?sys_id={KEY}"),
            Some(&*format!("/sys_attachment.do?sys_id={KEY}")),
        ),
        (
            &format!("/api/now/attachment/{KEY}/file"),
            Some(&*format!("/api/now/attachment/{KEY}/file")),
        ),
        // Pages, and what a token opens besides files.
        ("/sp?id=kb_article", None),
        ("/api/now/table/sys_user", None),
        ("/api/now/v1/cs/media/../../../table/sys_user", None),
        ("/api/now/v1/cs/media/..%2f..%2ftable", None),
        ("/api/now/v1/cs/media/a/b", None),
        ("/api/now/v1/cs/media/", None),
        ("/sys_attachment.do?sys_id=1", None),
        (&format!("/sys_attachment.do?sys_id={KEY}&sys_id={KEY}"), None),
        (&format!("/sys_attachment.do?sys_id={KEY}&sysparm_redirect=x"), None),
        (&format!("/api/now/attachment/{KEY}"), None),
        ("/a/b.iix", None),
        ("/.iix", None),
    ] {
        match (Media::read(&base(), address), file) {
            (Some(Leads::File(media)), Some(file)) => assert_eq!(media.as_str(), file),
            (Some(Leads::Page(page)), None) => {
                assert!(page.starts_with("https://acme.service-now.com/"), "{page}");
            }
            (other, _) => panic!("{address}: {other:?}"),
        }
    }
}

#[test]
fn what_is_elsewhere_is_never_taken_for_the_instances_own() {
    for address in [
        "https://evil.example/api/now/v1/cs/media/abc",
        "//evil.example/abc.iix",
        "\\\\evil.example\\abc.iix",
        "http://acme.service-now.com/abc.iix",
        "https://acme.service-now.com:8443/abc.iix",
        "https://acme.service-now.com.evil.example/abc.iix",
        "http://169.254.169.254/abc.iix",
    ] {
        let leads = Media::read(&base(), address);
        assert!(matches!(leads, Some(Leads::Elsewhere(_))), "{address}: {leads:?}");
    }
    for address in [
        "https://acme.service-now.com@evil.example/abc.iix",
        "https://kim:pw@acme.service-now.com/abc.iix",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "",
        "   ",
    ] {
        assert_eq!(Media::read(&base(), address), None, "{address}");
    }
    assert_eq!(Media::read(&base(), &format!("/{}.iix", "a".repeat(3_000))), None);
}

fn media(client: &Client) -> Media {
    match client.leads("/api/now/v1/cs/media/abc") {
        Some(Leads::File(media)) => media,
        other => panic!("{other:?}"),
    }
}

fn file(kind: &str, disposition: &str, body: &str) -> Says {
    let mut file = says(200, kind, body);
    if !disposition.is_empty() {
        file.headers.push(("content-disposition", disposition.to_owned()));
    }
    file
}

async fn code_of(instance: &Instance) -> &'static str {
    let client = instance.client();
    client.fetch(&media(&client), AMPLE).await.unwrap_err().code()
}

#[tokio::test]
async fn a_file_is_fetched_with_the_token_and_comes_with_its_name() {
    let instance = Instance::start().await;
    instance.answers_with(file("image/png", "attachment; filename=\"a b.png\"", "picture"));
    let client = instance.client();
    let mut fetching = client.fetch(&media(&client), AMPLE).await.unwrap();
    assert_eq!(fetching.name.as_deref(), Some("a b.png"));
    assert_eq!(fetching.kind.as_deref(), Some("image/png"));
    assert_eq!(fetching.bytes, Some(7));
    let mut all = Vec::new();
    while let Some(piece) = fetching.piece().await.unwrap() {
        all.extend_from_slice(&piece);
    }
    assert_eq!(all, b"picture");
    let calls = instance.api_calls();
    assert_eq!(calls[0].path, "/api/now/v1/cs/media/abc");
    assert_eq!(calls[0].header("authorization"), "Bearer token-1");
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_and_the_file_asked_for_again() {
    let instance = Instance::start().await;
    instance.answers_with(file("text/plain", "", "words"));
    instance.refuses_token_once();
    let client = instance.client();
    client.fetch(&media(&client), AMPLE).await.unwrap();
    assert_eq!(instance.api_calls().len(), 2);
    assert_eq!(instance.api_calls()[1].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn what_is_no_file_is_told_apart() {
    let html = "<html><title>Instance Hibernating page</title></html>";
    for (status, kind, body, code) in [
        (404, "application/json", "{}", "not_found"),
        (403, "application/json", "{}", "forbidden"),
        (302, "text/html", "", "redirected"),
        (204, "text/plain", "", "not_a_file"),
        (200, "text/html", "<html>Log in", "not_a_file"),
        (200, "text/html", html, "hibernating"),
        (503, "text/plain", "", "busy"),
        (500, "text/plain", "", "server_error"),
    ] {
        let instance = Instance::start().await;
        instance.answers_with(says(status, kind, body));
        assert_eq!(code_of(&instance).await, code, "{status} {body}");
    }
}

#[test]
fn names_are_read_from_headers_and_never_paths() {
    for (value, name) in [
        ("attachment; filename=\"a.png\"", Some("a.png")),
        ("attachment; filename=a.png", Some("a.png")),
        ("inline; filename=\"a.png\"; filename*=UTF-8''%C3%BC.png", Some("ü.png")),
        ("attachment; filename*=iso-8859-1''%FC.png; filename=b.png", Some("b.png")),
        ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
        ("attachment; filename=\"a\\\"b;c.png\"", Some("a\"b;c.png")),
        ("attachment; filename=\"\"", None),
        ("attachment", None),
        ("attachment; =", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_str(value).unwrap());
        assert_eq!(named(&headers).as_deref(), name, "{value}");
    }
}

fn pieces() -> outbound::Pieces {
    http_body_util::Full::from("%PDF-1.7").map_err(|never| match never {}).boxed_unsync()
}

fn pdf(name: &str) -> MediaUpload<'_> {
    MediaUpload {
        user_id: "kim",
        provider_application_id: Some("app-1"),
        file_name: name,
        content_type: "application/pdf",
        bytes: 8,
    }
}

#[tokio::test]
async fn a_file_is_brought_with_the_fields_before_it() {
    let instance = Instance::start().await;
    let answer = r#"{"result":{"mediaUrl":"https://i/api/now/v1/cs/media/k","name":"a","state":"pending","attachmentId":"x"}}"#;
    instance.answers(201, answer);
    instance.refuses_token_once();
    let brought = instance.client().upload(&pdf("a\"\r\nX: y.pdf"), pieces, AMPLE).await.unwrap();
    assert_eq!(brought.media_url, "https://i/api/now/v1/cs/media/k");
    assert_eq!(brought.state, MediaState::NotYet);
    let calls = instance.api_calls();
    let call = calls.last().unwrap();
    assert_eq!((calls.len(), call.path.as_str()), (2, "/api/now/cccif/media/upload"));
    assert_eq!(call.header("content-length"), call.body.len().to_string());
    let boundary = call.header("content-type").split("boundary=").nth(1).unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"user_id\"\r\n\r\nkim\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"provider_application_id\"\r\n\r\napp-1\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22X: y.pdf\"\r\n\
         Content-Type: application/pdf\r\n\r\n%PDF-1.7\r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8(call.body.clone()).unwrap(), expected);
}

#[tokio::test]
async fn what_becomes_of_an_upload_is_told_apart() {
    for (status, body, code) in [
        (201, "{}", "refused"),
        (201, r#"{"result":{"state":"available"}}"#, "refused"),
        (400, "{}", "refused"),
        (403, "{}", "forbidden"),
        (404, "{}", "not_found"),
        (413, "{}", "too_large"),
        (500, "{}", "server_error"),
        (503, "{}", "busy"),
    ] {
        let instance = Instance::start().await;
        instance.answers(status, body);
        let told = instance.client().upload(&pdf("a.pdf"), pieces, AMPLE).await;
        assert_eq!(told.unwrap_err().code(), code, "{status} {body}");
    }
    let instance = Instance::start().await;
    instance.answers(201, r#"{"result":{"mediaUrl":"u","state":"not available"}}"#);
    let told = instance.client().upload(&pdf("a.pdf"), pieces, AMPLE).await.unwrap();
    assert_eq!(told.state, MediaState::NotAvailable);
}
