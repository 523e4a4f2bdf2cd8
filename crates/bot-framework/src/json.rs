//! A JSON object whose values stay text: the ground that [`Activity`](crate::Activity) stands on.
//!
//! It owns reading an object once, refusing doubled names and excessive depth at every level, and
//! finding, replacing and removing members. Values are never turned into numbers or maps, so `1.0`,
//! `1e400` and 20-digit integers keep their digits.
//!
//! It never decides what a member means.

mod rewrite;

use std::{borrow::Cow, fmt, ops::Range};

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use serde_json::value::RawValue;

/// Containers inside one another, the outermost included. Adaptive Cards nest about twenty deep;
/// what lies far beyond is an attempt to exhaust the stack of a recursive reader further on.
pub(crate) const DEPTH_MAX: usize = 64;

/// How much of a stranger's member name an error repeats, in characters.
const NAME_SHOWN_CHARS: usize = 64;

/// Why a text is not an object we accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    NotJson,
    NotAnObject,
    Duplicate { name: String },
    TooDeep,
}

/// An object's text and where its members lie in it.
///
/// Changed members are appended to the text and the old ones left behind; writing the object leaves
/// those out. That keeps an object of any size at two allocations.
#[derive(Clone)]
pub(crate) struct Object {
    text: String,
    members: Vec<Member>,
}

#[derive(Clone)]
struct Member {
    /// With its quotation marks.
    name: Range<usize>,
    /// Without the space around it.
    value: Range<usize>,
}

impl Object {
    pub(crate) fn empty() -> Object {
        Object { text: String::new(), members: Vec::new() }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Object, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::NotJson)?;
        // Checks the grammar without recursion and without looking at numbers' ranges.
        let raw: &RawValue = serde_json::from_str(text).map_err(|_| Fault::NotJson)?;
        Object::from_raw(raw)
    }

    pub(crate) fn from_raw(raw: &RawValue) -> Result<Object, Fault> {
        let text = raw.get().trim_ascii();
        if !text.starts_with('{') {
            return Err(Fault::NotAnObject);
        }
        let members = Inspection::new(text).run()?;
        Ok(Object { text: text.to_owned(), members })
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Names and values in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        self.members.iter().map(|member| (self.name(member), &self.text[member.value.clone()]))
    }

    /// The JSON text of a member; `null` is a value like any other.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    pub(crate) fn raw(&self, name: &str) -> Option<&RawValue> {
        self.get(name).map(|value| {
            serde_json::from_str(value).expect("a member's text was checked when it was read")
        })
    }

    /// A member that is a string; anything else counts as absent.
    pub(crate) fn string(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).and_then(string)
    }

    /// A member that is an object; anything else counts as absent.
    pub(crate) fn object(&self, name: &str) -> Option<Object> {
        self.raw(name).and_then(|raw| Object::from_raw(raw).ok())
    }

    /// Replaces the member in its place, or appends it.
    ///
    /// # Panics
    ///
    /// When `value` cannot be JSON, as a map whose keys are not strings: a mistake in the program.
    pub(crate) fn set(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        let value = serde_json::to_string(value).expect("members are set to what can be JSON");
        let value = self.append(&value);
        if let Some(at) = self.position(name) {
            self.members[at].value = value;
        } else {
            let name = serde_json::to_string(name).expect("a string can always be JSON");
            let name = self.append(&name);
            self.members.push(Member { name, value });
        }
    }

    /// Changes texts and numbers at any depth: `change` is given the outermost member, the nearest
    /// member's name and the text, or the digits as they stand, and answers what is to stand there as a
    /// text. Says whether anything was changed; all else keeps its text.
    pub(crate) fn rewrite(
        &mut self,
        mut change: impl FnMut(&str, &str, &str) -> Option<String>,
    ) -> bool {
        let mut any = false;
        for at in 0..self.members.len() {
            let (member, value) = (&self.members[at], self.members[at].value.clone());
            let name = self.name(member).into_owned();
            let text = &self.text[value];
            let changed =
                rewrite::scalars(text, &name, &mut |nearest, said| change(&name, nearest, said));
            if let Some(changed) = changed {
                self.members[at].value = self.append(&changed);
                any = true;
            }
        }
        any
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let found = self.position(name);
        if let Some(at) = found {
            self.members.remove(at);
        }
        found.is_some()
    }

    /// Keeps the members for which `keep(name, value)` holds.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        let text = &self.text;
        self.members
            .retain(|member| keep(&name_in(text, &member.name), &text[member.value.clone()]));
    }

    /// Appends the object's JSON to `out`: the members in order, each value as it was given.
    pub(crate) fn write_to(&self, out: &mut String) {
        out.reserve(self.text.len());
        out.push('{');
        for (at, member) in self.members.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            out.push_str(&self.text[member.name.clone()]);
            out.push(':');
            out.push_str(&self.text[member.value.clone()]);
        }
        out.push('}');
    }

    fn name(&self, member: &Member) -> Cow<'_, str> {
        name_in(&self.text, &member.name)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|member| self.name(member) == name)
    }

    fn append(&mut self, piece: &str) -> Range<usize> {
        let from = self.text.len();
        self.text.push_str(piece);
        from..self.text.len()
    }
}

/// Equal when the same names have the same texts in the same order.
impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        self.write_to(&mut text);
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

fn name_in<'a>(text: &'a str, name: &Range<usize>) -> Cow<'a, str> {
    let quoted = &text[name.clone()];
    // A name is a string by the grammar; only then was it recorded.
    string(quoted).unwrap_or(Cow::Borrowed(quoted))
}

/// What a JSON string says; `None` for any other JSON.
///
/// Half a surrogate pair (a browser that cut an emoji in two) is grammatical JSON but no Unicode:
/// it reads as replacement characters here, and stays as it was in the text.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let Lenient(said) = serde_json::from_str(text).ok()?;
    Some(Cow::Owned(said))
}

/// A string read through serde's bytes, the one way in which `serde_json` lets half a surrogate
/// pair pass.
struct Lenient(String);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lenient, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Lenient;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Lenient, E> {
                Ok(Lenient(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// One walk over a text already known to be grammatical, which is why it may skip what it does not
/// look for.
struct Inspection<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Container>,
    /// Names of all open objects, each object's after those of the objects around it.
    names: Vec<Cow<'a, str>>,
    /// Whether the next string is a member's name.
    name_next: bool,
    members: Vec<Member>,
    /// The outermost object's member being read: its name, and where its value starts.
    member: Option<(Range<usize>, usize)>,
}

enum Container {
    Array,
    /// Where this object's names start in `names`.
    Object {
        first_name: usize,
    },
}

impl<'a> Inspection<'a> {
    fn new(text: &'a str) -> Inspection<'a> {
        Inspection {
            text,
            at: 0,
            open: Vec::new(),
            names: Vec::new(),
            name_next: false,
            members: Vec::new(),
            member: None,
        }
    }

    fn run(mut self) -> Result<Vec<Member>, Fault> {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'{' => {
                    let first_name = self.names.len();
                    self.enter(Container::Object { first_name })?;
                    self.name_next = true;
                }
                b'[' => {
                    self.enter(Container::Array)?;
                    self.name_next = false;
                }
                b'"' => self.pass_string(),
                b':' if self.open.len() == 1 => {
                    if let Some((_, value_start)) = &mut self.member {
                        *value_start = self.at + 1;
                    }
                }
                b',' => {
                    self.end_member();
                    self.name_next = matches!(self.open.last(), Some(Container::Object { .. }));
                }
                b'}' | b']' => {
                    self.end_member();
                    self.leave()?;
                    self.name_next = false;
                }
                _ => {}
            }
            self.at += 1;
        }
        Ok(self.members)
    }

    fn enter(&mut self, container: Container) -> Result<(), Fault> {
        self.open.push(container);
        if self.open.len() > DEPTH_MAX { Err(Fault::TooDeep) } else { Ok(()) }
    }

    /// Sorting once at the end keeps a hostile object with thirty thousand names from costing their
    /// square.
    fn leave(&mut self) -> Result<(), Fault> {
        if let Some(Container::Object { first_name }) = self.open.pop() {
            let names = &mut self.names[first_name..];
            names.sort_unstable();
            if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Fault::Duplicate {
                    name: pair[0].chars().take(NAME_SHOWN_CHARS).collect(),
                });
            }
            self.names.truncate(first_name);
        }
        Ok(())
    }

    /// Moves from a string's first quotation mark to its last.
    fn pass_string(&mut self) {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while bytes[self.at] != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        if self.name_next {
            let name = start..self.at + 1;
            self.names.push(name_in(self.text, &name));
            if self.open.len() == 1 {
                self.member = Some((name, self.at + 1));
            }
            self.name_next = false;
        }
    }

    /// At a comma or a closing bracket: if that ends a member of the outermost object, records it.
    fn end_member(&mut self) {
        if self.open.len() == 1
            && let Some((name, value_start)) = self.member.take()
        {
            let untrimmed = &self.text[value_start..self.at];
            let start = value_start + (untrimmed.len() - untrimmed.trim_ascii_start().len());
            self.members.push(Member { name, value: start..start + untrimmed.trim_ascii().len() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        Object::parse(text.as_bytes()).err().expect("the text is refused")
    }

    fn written(object: &Object) -> String {
        let mut out = String::new();
        object.write_to(&mut out);
        out
    }

    #[test]
    fn members_keep_their_text_and_lose_only_the_space_between_them() {
        let object =
            Object::parse(b" { \"a\" : 1.0 ,\n\"b\":[ 1 , {\"x\" : \"},:\\\"\"} ],\"c\":-1e400} ")
                .expect("an object");
        assert_eq!(written(&object), r#"{"a":1.0,"b":[ 1 , {"x" : "},:\""} ],"c":-1e400}"#);
        assert_eq!(object.get("c"), Some("-1e400"));
    }

    #[test]
    fn doubled_names_are_refused_at_any_depth_and_however_they_are_spelt() {
        let twice = |name: &str| Fault::Duplicate { name: name.to_owned() };
        for (text, expected) in [
            (r#"{"a":1,"a":1}"#, twice("a")),
            (r#"{"a":1,"\u0061":2}"#, twice("a")),
            (r#"{"x":[{"b":1},{"c":{},"b":{},"c":1}]}"#, twice("c")),
            (r#"{"é":1,"\u00e9":2}"#, twice("é")),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
    }

    #[test]
    fn the_same_name_in_different_objects_is_no_double() {
        let text = r#"{"a":{"a":{"a":1},"b":2},"b":[{"a":1},{"a":"a"}]}"#;
        assert_eq!(written(&Object::parse(text.as_bytes()).expect("an object")), text);
    }

    #[test]
    fn a_repeated_name_is_shown_shortened() {
        let name = "n".repeat(1000);
        let Fault::Duplicate { name } = fault(&format!(r#"{{"{name}":1,"{name}":2}}"#)) else {
            panic!("the name is doubled");
        };
        assert_eq!(name.len(), NAME_SHOWN_CHARS);
    }

    #[test]
    fn depth_is_allowed_up_to_the_limit_and_refused_past_it() {
        let nested =
            |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Object::parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(fault(&nested(DEPTH_MAX + 1)), Fault::TooDeep);
        assert_eq!(fault(&nested(200_000)), Fault::TooDeep);
    }

    #[test]
    fn what_is_not_an_object_is_told_from_what_is_not_json() {
        for text in ["", " ", "{", "{]", "{\"a\"}", "{\"a\":01}", "{} {}", "{\"a\":\"\n\"}"] {
            assert_eq!(fault(text), Fault::NotJson, "{text:?}");
        }
        assert_eq!(Object::parse(b"{\"a\":\"\xff\"}").err(), Some(Fault::NotJson));
        for text in ["[]", "1", "null", "\"{}\""] {
            assert_eq!(fault(text), Fault::NotAnObject, "{text}");
        }
    }

    #[test]
    fn strings_are_read_even_with_half_a_surrogate_pair() {
        for (text, expected) in [
            (r#""plain""#, Some("plain")),
            (r#""a\"b\\\n\u00e9""#, Some("a\"b\\\né")),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""cut \ud83d""#, Some("cut \u{fffd}\u{fffd}\u{fffd}")),
            (r#""""#, Some("")),
            ("1", None),
            ("null", None),
            (r#"["a"]"#, None),
        ] {
            assert_eq!(string(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn set_replaces_in_place_and_remove_takes_out() {
        let mut object = Object::parse(br#"{"a":1,"b\"":2,"c":3}"#).expect("an object");
        object.set("b\"", "two");
        object.set("d", &[1, 2]);
        assert!(object.remove("a"));
        assert!(!object.remove("a"));
        assert_eq!(written(&object), r#"{"b\"":"two","c":3,"d":[1,2]}"#);
    }
}
