use http::HeaderMap;

use super::*;

fn code_of(body: &str) -> Option<String> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let answer = Answer { status: StatusCode::FORBIDDEN, headers: HeaderMap::new(), body };
    said(&answer).code
}

#[test]
fn a_refusals_code_is_found_in_each_of_its_shapes() {
    for (body, expected) in [
        (r#"{"error":{"code":"Throttled","message":"m"}}"#, "Throttled"),
        (r#"{"error":{"code":"Bad Argument"}}"#, "BadArgument"),
        (
            r#"{"error":{"code":"ServiceError","innerHttpError":{"statusCode":403,"body":{"error":{"code":"X"}}}}}"#,
            "ServiceError",
        ),
        (r#"{"error":{"innerHttpError":{"statusCode":403,"body":{"error":{"code":"X"}}}}}"#, "X"),
        (
            r#"{"errorCode":209,"message":"{\r\n \"subCode\": \"MessageWritesBlocked\" }"}"#,
            "MessageWritesBlocked",
        ),
        (
            r#"{"error":{"code":"Forbidden","message":"{\"subCode\":\"MessageWritesBlocked\"}"}}"#,
            "MessageWritesBlocked",
        ),
        (r#"{"subCode":"MessageWritesBlocked","code":"Forbidden"}"#, "MessageWritesBlocked"),
        (r#"{"error":"invalid_client"}"#, "invalid_client"),
        (r#"{"code":"ConversationNotFound"}"#, "ConversationNotFound"),
        (r#"{"errorCode":"BotDisabledByAdmin","message":"m"}"#, "BotDisabledByAdmin"),
        ("\u{feff}{\"error\":{\"code\":\"Throttled\"}}", "Throttled"),
    ] {
        assert_eq!(code_of(body).as_deref(), Some(expected), "{body}");
    }
}

#[test]
fn what_is_no_code_is_none() {
    let long = format!(r#"{{"error":{{"code":"{}"}}}}"#, "x".repeat(CODE_CHARS_MAX + 1));
    for body in [
        "",
        "<html>",
        "null",
        "[]",
        "{}",
        r#"{"message":"Authorization has been denied for this request."}"#,
        r#"{"errorCode":209,"message":"{ not json"}"#,
        r#"{"errorCode":209,"message":"{\"details\":7}"}"#,
        r#"{"error":{"code":7}}"#,
        r#"{"error":{"code":""}}"#,
        r#"{"error":{"code":"a\nb"}}"#,
        r#"{"error":{"code":"<script>"}}"#,
        long.as_str(),
    ] {
        assert_eq!(code_of(body), None, "{body}");
    }
}
