//! What files are taken for.

use super::*;
use crate::files::REFUSED;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF";
const PDF: &[u8] = b"%PDF-1.7\n";
const ZIPPED: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0";
const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0";
const ELF: &[u8] = b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF";
const HTML: &[u8] = b"<!DOCTYPE html><script>alert(1)</script>";
const SCRIPT: &[u8] = b"#!/bin/sh\nrm -rf /\n";
const WORDS: &[u8] = "Kolibri, schöne Grüße\n".as_bytes();
const LATIN: &[u8] = b"Gr\xFC\xDFe\n";
const NOISE: &[u8] = b"\x01\x02\x03\0\x80\xFE";

#[test]
fn a_type_is_what_the_bytes_say_and_the_claim_where_they_do_not_contradict() {
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for (name, claimed, bytes, kept_name, kind) in [
        ("a.png", "image/png", PNG, "a.png", "image/png"),
        ("a.png", "", PNG, "a.png", "image/png"),
        ("a.png", "application/octet-stream", PNG, "a.png", "image/png"),
        ("a.png", "Image/PNG; x=1", PNG, "a.png", "image/png"),
        ("a", "image/png", PNG, "a", "image/png"),
        ("a.jpeg", "image/jpg", JPEG, "a.jpeg", "image/jpeg"),
        ("a.png", "image/png", JPEG, "a.png.jpg", "image/jpeg"),
        ("a.png", "image/png", HTML, "a.png.html", "text/html"),
        (
            "a.pdf",
            "application/pdf",
            EXE,
            "a.pdf.exe",
            "application/vnd.microsoft.portable-executable",
        ),
        ("a.png", "image/png", WORDS, "a.png", "text/plain"),
        ("a.png", "image/png", NOISE, "a.png", "application/octet-stream"),
        ("a.pdf", "application/pdf", NOISE, "a.pdf", "application/octet-stream"),
        ("a.pdf", "application/pdf", PDF, "a.pdf", "application/pdf"),
        ("a.docx", docx, ZIPPED, "a.docx", docx),
        ("a.docx", "", ZIPPED, "a.docx", docx),
        ("a.zip", "application/x-zip-compressed", ZIPPED, "a.zip", "application/x-zip-compressed"),
        ("a.doc", "application/msword", OLE, "a.doc", "application/msword"),
        ("a.docx", docx, OLE, "a.docx.doc", "application/msword"),
        ("a.txt", "text/plain", WORDS, "a.txt", "text/plain"),
        ("a.txt", "text/plain", LATIN, "a.txt", "text/plain"),
        ("a.txt", "text/plain", HTML, "a.txt", "text/plain"),
        ("a.csv", "text/csv", WORDS, "a.csv", "text/csv"),
        ("a.csv", "", WORDS, "a.csv", "text/csv"),
        ("a.csv", "text/csv", NOISE, "a.csv", "application/octet-stream"),
        ("a.json", "application/json", WORDS, "a.json", "application/json"),
        ("a.svg", "image/svg+xml", b"<?xml version=\"1.0\"?><svg/>", "a.svg", "image/svg+xml"),
        ("a.svg", "image/svg+xml", b"<svg/>", "a.svg", "image/svg+xml"),
        ("a", "made up", WORDS, "a", "text/plain"),
        ("a", "", NOISE, "a", "application/octet-stream"),
        ("a.key", "application/x-mine", NOISE, "a.key", "application/x-mine"),
        ("../../b c.txt", "", WORDS, "b c.txt", "text/plain"),
        ("C:\\x\\d.txt", "", WORDS, "d.txt", "text/plain"),
        ("a\u{202E}gpj.exe", "", WORDS, "agpj.exe", "text/plain"),
        (" \r\n", "", WORDS, "file", "text/plain"),
    ] {
        let judged = Judged::without_rules(name, claimed, bytes);
        if name == "a\u{202E}gpj.exe" {
            assert_eq!(judged.name, kept_name);
            continue;
        }
        assert_eq!(
            (judged.name.as_str(), judged.kind.as_str()),
            (kept_name, kind),
            "{name} {claimed}"
        );
    }
}

#[test]
fn no_ending_is_doubled() {
    let deb = b"!<arch>\ndebian-binary   1410122664  0     0     100644  4         `\n2.0\n";
    let rpm = [&b"\xED\xAB\xEE\xDB\x03\0"[..], &[0; 100]].concat();
    let (cab, psd) = (b"MSCF\0\0\0\0", b"8BPS\0\x01");
    for (ending, bytes) in [
        ("exe", EXE),
        ("EXE", EXE),
        ("exe. ", EXE),
        ("dll", EXE),
        ("deb", deb),
        ("rpm", &rpm),
        ("cab", cab),
        ("psd", psd),
        ("sh", SCRIPT),
        ("html", HTML),
        ("elf", ELF),
    ] {
        let name = format!("run.{ending}");
        for claimed in ["", "application/octet-stream", "image/png"] {
            let judged = Judged::without_rules(&name, claimed, bytes);
            assert_eq!(judged.name, name.trim(), "{claimed}");
            assert_ne!(judged.kind, UNKNOWN, "{name} {claimed}");
        }
    }
}

#[test]
fn names_are_cut_before_their_ending() {
    let judged = Judged::without_rules(&format!("{}.pdf", "ä".repeat(300)), "", PDF);
    assert_eq!(judged.name, format!("{}.pdf", "ä".repeat(196)));
    let judged = Judged::without_rules(&"x".repeat(300), "", PDF);
    assert_eq!(judged.name, "x".repeat(200));
}

#[test]
fn a_name_is_one_for_every_system() {
    for (name, kept) in [
        ("a.exe::$DATA", "a.exe__$DATA"),
        ("..", "file"),
        (".", "file"),
        ("../..", "file"),
        ("C:\\x\\a.txt", "a.txt"),
        (".profile", ".profile"),
    ] {
        assert_eq!(clean_name(name), kept, "{name}");
    }
}

#[test]
fn what_may_not_be_brought_is_refused_by_name_claim_and_bytes() {
    let never = REFUSED.map(str::to_owned).to_vec();
    let all = Allowed { only: None, never: never.clone() };
    let some = Allowed { only: Some(vec!["image/*".to_owned(), ".PDF".to_owned()]), never };
    for (name, claimed, bytes, by_all, by_some) in [
        ("a.png", "image/png", PNG, true, true),
        ("a.pdf", "application/pdf", PDF, true, true),
        ("a.txt", "text/plain", WORDS, true, false),
        ("a.exe", "image/png", PNG, false, false),
        ("a.EXE. ", "", WORDS, false, false),
        ("a.exe::$DATA", "", WORDS, true, false),
        ("a.docm", "", WORDS, false, false),
        ("a.png", "image/png", EXE, false, false),
        ("", "image/png", EXE, false, false),
        ("a.pdf", "application/pdf", ELF, false, false),
        ("a.png", "image/png", SCRIPT, false, false),
        ("a.bat", "text/plain", WORDS, false, false),
        ("a.png", "image/png", HTML, false, false),
        ("a.pdf", "application/pdf", HTML, false, false),
        ("a.txt", "text/html", HTML, false, false),
        ("a", "application/xhtml+xml", WORDS, false, false),
        ("a.htm", "text/plain", WORDS, false, false),
        ("a.xhtml", "", WORDS, false, false),
        ("a.html", "", WORDS, false, false),
        ("a.svg", "image/png", PNG, false, false),
        ("a.png", "image/svg+xml", b"<svg/>", false, false),
        ("a.mht", "", WORDS, false, false),
        ("a.MHTML", "message/rfc822", WORDS, false, false),
        ("a.png", "image/png", WORDS, true, false),
    ] {
        for (allowed, expected) in [(&all, by_all), (&some, by_some)] {
            let judged = Judged::of(name, claimed, bytes, allowed);
            assert_eq!(judged.is_ok(), expected, "{name} {claimed} {judged:?}");
            if let Err(error) = judged {
                assert!(matches!(error, FileError::NotAllowed), "{error}");
            }
        }
    }
}
