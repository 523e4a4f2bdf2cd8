//! Bodies with parts, however they arrive.

use super::*;

const TYPE: &str = "multipart/form-data; boundary=----b";

/// What a body brings that arrives in pieces of this size.
fn read(body: &[u8], piece: usize) -> Result<Vec<(PartHead, Vec<u8>)>, MultipartError> {
    let mut multipart = Multipart::new(TYPE)?;
    let mut parts: Vec<(PartHead, Vec<u8>)> = Vec::new();
    for bytes in body.chunks(piece) {
        multipart.take(bytes);
        while let Some(piece) = multipart.next()? {
            match piece {
                Piece::Part(head) => parts.push((head, Vec::new())),
                Piece::Data(data) => parts.last_mut().unwrap().1.extend_from_slice(&data),
                Piece::End => return Ok(parts),
            }
        }
        let most = HEADERS_BYTES_MAX + body.len().min(piece);
        assert!(multipart.held.len() <= most, "{} bytes are held", multipart.held.len());
    }
    Err(MultipartError::BrokeOff)
}

fn head(name: &str, filename: Option<&str>, kind: Option<&str>) -> PartHead {
    let owned = |text: &str| text.to_owned();
    PartHead { name: Some(owned(name)), filename: filename.map(owned), kind: kind.map(owned) }
}

#[test]
fn parts_come_out_the_same_however_the_body_is_cut() {
    let body = b"ignored\r\n------b\r\nContent-Disposition: form-data; name=\"activity\"; filename=\"blob\"\r\n\
        Content-Type: application/vnd.microsoft.activity\r\n\r\n{\"a\":\"\r\n----b\"}\r\n------b  \r\n\
        content-disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\"; c.txt\"\r\n\r\n\r\n------\r\n\r\n------b\r\n\
        Content-Disposition: form-data; name=file; filename*=UTF-8''%C3%BC%20+.png; filename=u.png\r\n\r\n\
        \r\n------b--\r\nafter";
    let expected = vec![
        (
            head("activity", Some("blob"), Some("application/vnd.microsoft.activity")),
            b"{\"a\":\"\r\n----b\"}".to_vec(),
        ),
        (head("file", Some("a \"b\"; c.txt"), None), b"\r\n------\r\n".to_vec()),
        (head("file", Some("ü +.png"), None), Vec::new()),
    ];
    for piece in 1..body.len() {
        assert_eq!(read(body, piece).as_ref(), Ok(&expected), "in pieces of {piece}");
    }
}

#[test]
fn a_large_part_is_never_held() {
    let mut body = b"------b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n".to_vec();
    let data: Vec<u8> = b"\r\n------c".iter().copied().cycle().take(1_000_000).collect();
    body.extend(&data);
    body.extend(b"\r\n------b--");
    for piece in [1_000, 65_536] {
        assert_eq!(read(&body, piece).unwrap()[0].1.len(), data.len());
    }
}

#[test]
fn what_is_no_such_body_is_refused() {
    let long = format!("------b\r\nX: {}", "x".repeat(HEADERS_BYTES_MAX));
    let many = "------b\r\n\r\n\r\n".repeat(PARTS_MAX + 1);
    for (body, error) in [
        ("", MultipartError::BrokeOff),
        ("nothing of the kind", MultipartError::BrokeOff),
        ("------b\r\nA: b\r\n\r\nhalf", MultipartError::BrokeOff),
        ("------b\r\nA: b\r\n\r\nhalf\r\n------b", MultipartError::BrokeOff),
        ("------bc\r\nA: b\r\n\r\n\r\n------b--", MultipartError::Malformed),
        (&long, MultipartError::LongHeaders),
        (&"x".repeat(HEADERS_BYTES_MAX + 1), MultipartError::LongHeaders),
        (&many, MultipartError::ManyParts),
    ] {
        assert_eq!(read(body.as_bytes(), 1_000), Err(error), "{body:.40}");
    }
    for wrong in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
    ] {
        assert_eq!(Multipart::new(wrong).unwrap_err(), MultipartError::NoBoundary);
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    assert_eq!(Multipart::new(&long).unwrap_err(), MultipartError::NoBoundary);
    assert!(Multipart::new("multipart/form-data; charset=utf-8; Boundary=\"a b\"").is_ok());
}

#[test]
fn a_body_that_is_a_file_says_its_name_in_the_header() {
    let name = |value| PartHead::of_disposition(value).filename;
    assert_eq!(name("name=\"file\"; filename=\"x.png\"").as_deref(), Some("x.png"));
    assert_eq!(name("attachment; filename=x.png").as_deref(), Some("x.png"));
    assert_eq!(name("attachment"), None);
}
