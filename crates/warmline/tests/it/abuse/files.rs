//! Files that are none, that are too much, or for somebody else's conversation.

use super::fort::{Case, Fort, case};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let upload = |kind: &str, body: String| {
        let path = fort.own("/upload?userId=dl_kim");
        fort.post(&path)
            .bearer_auth(&fort.page.token)
            .header("content-type", kind.to_owned())
            .body(body)
    };
    let multipart = "multipart/form-data; boundary=x";
    let part = |head: &str, body: &str| format!("--x\r\n{head}\r\n\r\n{body}\r\n--x--\r\n");
    let named = |name: &str, kind: &str, body: &str| {
        let head = format!(
            "Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}"
        );
        part(&head, body)
    };
    let theirs =
        format!("/v3/directline/conversations/{}/upload?userId=dl_kim", fort.other.conversation);
    vec![
        case(
            "an upload without a credential",
            fort.post(&fort.own("/upload?userId=dl_kim")).body("x"),
            401,
            "NotAuthorized",
        ),
        case(
            "an upload to another's conversation",
            fort.post(&theirs)
                .bearer_auth(&fort.page.token)
                .header("content-type", multipart)
                .body(named("a.txt", "text/plain", "x")),
            403,
            "Forbidden",
        ),
        case(
            "an upload with another's token",
            fort.post(&fort.own("/upload?userId=dl_kim"))
                .bearer_auth(&fort.other.token)
                .header("content-type", multipart)
                .body(named("a.txt", "text/plain", "x")),
            403,
            "Forbidden",
        ),
        case(
            "parts without a boundary",
            upload("multipart/form-data", named("a.txt", "text/plain", "x")),
            400,
            "BadArgument",
        ),
        case(
            "parts with an endless boundary",
            upload(&format!("multipart/form-data; boundary={}", "x".repeat(500)), "x".to_owned()),
            400,
            "BadArgument",
        ),
        case("parts that are none", upload(multipart, "hello".to_owned()), 400, "BadArgument"),
        case(
            "parts that break off",
            upload(multipart, "--x\r\nContent-Disposition: form-data; name=\"file\"".to_owned()),
            400,
            "BadArgument",
        ),
        case(
            "no file among the parts",
            upload(multipart, "--x--\r\n".to_owned()),
            400,
            "MissingProperty",
        ),
        case(
            "an activity that is no JSON",
            upload(
                multipart,
                part(
                    "Content-Disposition: form-data; name=\"activity\"\r\nContent-Type: application/vnd.microsoft.activity",
                    "{",
                ),
            ),
            400,
            "MissingProperty",
        ),
        case(
            "a program",
            upload(multipart, named("setup.exe", "application/octet-stream", "MZ\u{0}")),
            400,
            "BadArgument",
        ),
        case(
            "a program with two endings",
            upload(multipart, named("photo.png.exe", "image/png", "x")),
            400,
            "BadArgument",
        ),
        case(
            "a page that calls itself a picture",
            upload(
                multipart,
                named("a.html", "image/png", "<html><script>alert(1)</script></html>"),
            ),
            400,
            "BadArgument",
        ),
        case(
            "a drawing with a script",
            upload(
                multipart,
                named(
                    "a.svg",
                    "image/svg+xml",
                    "<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
                ),
            ),
            400,
            "BadArgument",
        ),
        case(
            "a name that climbs, with an ending that is refused",
            upload(multipart, named("../../etc/cron.d/x.sh", "text/plain", "x")),
            400,
            "BadArgument",
        ),
        case(
            "a file by a made-up address",
            fort.get("/files/..%2f..%2fmaster.key"),
            404,
            "no_such_file",
        ),
        case("a file by another method", fort.post("/files/AAAA"), 405, "method_not_allowed"),
    ]
}
