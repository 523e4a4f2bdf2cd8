//! The package as Teams reads it: against the limits of the app manifest schema, with another
//! library than the one that wrote it where there is one.

use std::io::{Cursor, Read};

use serde_json::Value;
use zip::ZipArchive;

use super::{manifest::*, *};

const APP_ID: &str = "0A1B2C3D-0000-4000-8000-00000000000f";
const PUBLIC: &str = "https://chat.example.org:8443/warmline";

fn looks() -> Looks {
    Looks { app_version: FIRST_VERSION.to_owned(), ..Looks::default() }
}

fn made(language: Language, looks: &Looks) -> Result<Vec<u8>, PackageError> {
    package(&App {
        id: APP_ID,
        public_url: PUBLIC,
        language,
        phrases: &language.phrases(),
        built_in: true,
        looks,
    })
}

fn entries(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|at| {
            let mut entry = archive.by_index(at).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn manifest(bytes: Vec<u8>) -> Value {
    let (_, manifest) = entries(bytes).into_iter().find(|(name, _)| name == MANIFEST_FILE).unwrap();
    serde_json::from_slice(&manifest).unwrap()
}

/// A text of the manifest, of at most so many characters.
fn text<'m>(manifest: &'m Value, pointer: &str, max: usize) -> &'m str {
    let text = manifest.pointer(pointer).and_then(Value::as_str);
    let text = text.unwrap_or_else(|| panic!("{pointer} in {manifest:#}"));
    assert!((1..=max).contains(&text.chars().count()), "{pointer}: {text}");
    text
}

#[test]
fn the_package_is_a_manifest_and_two_icons_at_the_top_of_a_zip() {
    let names: Vec<_> = entries(made(Language::English, &looks()).unwrap())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["manifest.json", "color.png", "outline.png"]);
}

#[test]
fn the_same_values_make_the_same_file() {
    let [one, two] = [(); 2].map(|()| made(Language::English, &looks()).unwrap());
    assert_eq!(one, two);
}

#[test]
fn the_manifest_keeps_to_microsofts_limits_in_every_language() {
    for language in Language::ALL {
        let manifest = manifest(made(language, &looks()).unwrap());
        let version = text(&manifest, "/manifestVersion", 8);
        let schema = text(&manifest, "/$schema", 2_048);
        assert!(schema.ends_with(&format!("/v{version}/MicrosoftTeams.schema.json")), "{schema}");
        assert_eq!(text(&manifest, "/version", 256), "1.0.0");
        let id = text(&manifest, "/id", 36);
        assert_eq!(id, APP_ID.to_lowercase());
        let (short, full) =
            (text(&manifest, "/name/short", 30), text(&manifest, "/name/full", 100));
        assert_ne!(short, full, "they must differ");
        let brief = text(&manifest, "/description/short", 80);
        let long = text(&manifest, "/description/full", 4_000);
        assert!(!long.contains(brief), "the short one must not be repeated in the long one");
        text(&manifest, "/developer/name", 32);
        for address in ["websiteUrl", "privacyUrl", "termsOfUseUrl"] {
            let address = text(&manifest, &format!("/developer/{address}"), 2_048);
            assert!(address.starts_with("https://"), "{address}");
        }
        assert_eq!(text(&manifest, "/accentColor", 7).len(), 7);
        assert_eq!(manifest["validDomains"], serde_json::json!(["chat.example.org"]));
        let bot = &manifest["bots"][0];
        assert_eq!(bot["botId"], id);
        assert_eq!(bot["scopes"], serde_json::json!(["personal", "team", "groupChat"]));
        assert_eq!(
            (&bot["supportsFiles"], &bot["isNotificationOnly"]),
            (&true.into(), &false.into())
        );
        let lists = bot["commandLists"].as_array().unwrap();
        assert!(lists.len() <= 3, "{lists:?}");
        let commands = lists[0]["commands"].as_array().unwrap();
        assert!(commands.len() <= 10, "{commands:?}");
        let titles: Vec<_> =
            commands.iter().map(|command| command["title"].as_str().unwrap()).collect();
        assert_eq!(
            titles,
            match language {
                Language::English => ["agent", "cancel", "end chat"],
                Language::German => ["mitarbeiter", "abbrechen", "chat beenden"],
            }
        );
        for command in commands {
            text(command, "/title", 32);
            text(command, "/description", 4_000);
        }
    }
}

#[test]
fn the_icons_decode_at_the_sizes_that_teams_takes() {
    for (name, side) in [(COLOR_FILE, 192), (OUTLINE_FILE, 32)] {
        let entries = entries(made(Language::English, &looks()).unwrap());
        let (_, bytes) = entries.into_iter().find(|(entry, _)| entry == name).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (side, side), "{name}");
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let pixels = pixels.chunks_exact(4);
        let covers: Vec<_> = pixels.clone().map(|pixel| pixel[3]).collect();
        if name == COLOR_FILE {
            assert!(covers.iter().all(|cover| *cover == u8::MAX), "it has a background");
            assert!(pixels.clone().any(|pixel| pixel[..3] == [0xff; 3]), "and something on it");
        } else {
            assert!(pixels.clone().all(|pixel| pixel[..3] == [0xff; 3]), "white and nothing else");
            assert!(covers.contains(&0) && covers.contains(&u8::MAX), "on no background");
        }
    }
}

#[test]
fn what_is_called_and_said_can_be_chosen_within_the_limits() {
    let looks = Looks {
        app_name: Some("Ask IT".to_owned()),
        publisher: Some("Example AG".to_owned()),
        website: Some("https://example.org/it".to_owned()),
        privacy_url: Some("https://example.org/privacy".to_owned()),
        terms_url: None,
        app_version: "2.10.0".to_owned(),
    };
    let manifest = manifest(made(Language::English, &looks).unwrap());
    assert_eq!(manifest["name"]["short"], "Ask IT");
    assert!(manifest["name"]["full"].as_str().unwrap().starts_with("Ask IT – "));
    assert_eq!(manifest["version"], "2.10.0");
    assert_eq!(manifest["developer"]["name"], "Example AG");
    assert_eq!(manifest["developer"]["privacyUrl"], "https://example.org/privacy");
    assert_eq!(manifest["developer"]["termsOfUseUrl"], "https://example.org/it");
    let long = "n".repeat(NAME_CHARS_MAX + 1);
    let own = |change: fn(&mut Looks, String), value: &str| {
        let mut looks = self::looks();
        change(&mut looks, value.to_owned());
        made(Language::English, &looks).unwrap_err().to_string()
    };
    for (change, value, part) in [
        (
            (|looks, value| looks.app_name = Some(value)) as fn(&mut Looks, String),
            &*long,
            "--app-name",
        ),
        (|looks, value| looks.app_name = Some(value), " ", "--app-name"),
        (|looks, value| looks.publisher = Some(value), &"p".repeat(33), "--publisher"),
        (|looks, value| looks.website = Some(value), "http://example.org", "--website"),
        (|looks, value| looks.terms_url = Some(value), "example.org", "--terms-url"),
        (|looks, value| looks.app_version = value, "1.0", "--app-version"),
        (|looks, value| looks.app_version = value, "1.0.01", "--app-version"),
        (|looks, value| looks.app_version = value, "v1.0.0", "--app-version"),
    ] {
        let refused = own(change, value);
        assert!(refused.contains(part), "{value}: {refused}");
    }
}

#[test]
fn an_app_that_teams_could_not_reach_or_know_is_refused() {
    let looks = looks();
    let phrases = Language::English.phrases();
    let with = |id, public_url| {
        let language = Language::English;
        package(&App { id, public_url, language, phrases: &phrases, built_in: true, looks: &looks })
    };
    for public in ["http://127.0.0.1:8080", "https://127.0.0.1", "https://[::1]", "https://gateway"]
    {
        let refused = with(APP_ID, public).unwrap_err().to_string();
        assert!(refused.contains("WARMLINE_PUBLIC_URL"), "{public}: {refused}");
    }
    for id in ["app-1", "0a1b2c3d00004000800000000000000f", ""] {
        assert!(with(id, PUBLIC).unwrap_err().to_string().contains("GUID"), "{id}");
    }
}

#[test]
fn commands_are_what_is_understood_here() {
    let looks = looks();
    let phrases = Phrases {
        escalate: vec!["person".to_owned()],
        cancel: vec!["x".repeat(COMMAND_CHARS_MAX + 1), "stop waiting".to_owned()],
        end: Vec::new(),
        ..Phrases::default()
    };
    let titles = |built_in, phrases: &Phrases| {
        let (id, public_url, language) = (APP_ID, PUBLIC, Language::English);
        let app = App { id, public_url, language, phrases, built_in, looks: &looks };
        let manifest = manifest(package(&app).unwrap());
        let commands = manifest["bots"][0]["commandLists"][0]["commands"].as_array().cloned();
        let titles = commands.unwrap_or_default().into_iter();
        titles.map(|command| command["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(true, &phrases), ["person", "stop waiting"]);
    assert_eq!(titles(false, &phrases), ["stop waiting"], "a bot of one's own has its own words");
    let (escalate, cancel, end) = (Vec::new(), Vec::new(), Vec::new());
    let none = Phrases { escalate, cancel, end, ..Phrases::default() };
    assert_eq!(titles(true, &none), Vec::<String>::new());
}
