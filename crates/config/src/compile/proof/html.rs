//! Whether values can change what an HTML page is made of. Any text is HTML of some sort, so there is nothing to be well-formed; but
//! whatever is filled in, a browser must see the tags, attributes, comments and scripts that it sees with a harmless value.
//!
//! Asks a tokenizer that follows the HTML standard, without the tree that a browser builds of it.

use super::Broken;
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

/// Elements whose text is not for people, and in which nothing is an escape.
const RAW_TEXT: &[&[u8]] =
    &[b"script", b"style", b"xmp", b"iframe", b"noembed", b"noframes", b"noscript", b"plaintext"];

/// The first piece of `hostile` that is not in `harmless`.
pub(super) fn compare(harmless: &str, hostile: &str) -> Result<(), Broken> {
    let (expected, found) = (pieces(harmless), pieces(hostile));
    if expected == found {
        return Ok(());
    }
    let at = expected.iter().zip(&found).position(|(one, other)| one != other);
    let at = at.unwrap_or_else(|| expected.len().min(found.len()));
    let shown = |pieces: &[String]| pieces.get(at).map(|piece| format!("`{}`", cut(piece)));
    let cause = match (shown(&expected), shown(&found)) {
        (Some(expected), Some(found)) => format!("a value can make {found} of {expected}"),
        (Some(expected), None) => format!("a value can swallow {expected}"),
        (None, found) => format!("a value can add {}", found.unwrap_or_default()),
    };
    Err(Broken { cause, near: String::new() })
}

/// Long enough for a tag, with which one line can be understood.
const SHOWN_CHARACTERS_MAX: usize = 60;

fn cut(piece: &str) -> String {
    let mut shown: String = piece.chars().take(SHOWN_CHARACTERS_MAX).collect();
    if shown.len() < piece.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

/// What a page is made of: tags with the names of their attributes, comments, and the text of scripts and their like. Other text and the
/// values of attributes are what values are for.
fn pieces(text: &str) -> Vec<String> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut pieces: Vec<String> = Vec::new();
    let mut raw: Option<Vec<u8>> = None;
    // Reading a text cannot fail.
    for token in Tokenizer::new_with_emitter(text, emitter).flatten() {
        match token {
            Token::StartTag(tag) => {
                let mut piece = format!("<{}", lossy(&tag.name));
                for name in tag.attributes.keys() {
                    piece.push(' ');
                    piece.push_str(&lossy(name));
                }
                piece.push('>');
                pieces.push(piece);
                if RAW_TEXT.contains(&&**tag.name) {
                    raw = Some(tag.name.to_vec());
                }
            }
            Token::EndTag(tag) => {
                pieces.push(format!("</{}>", lossy(&tag.name)));
                if raw.as_deref() == Some(&**tag.name) {
                    raw = None;
                }
            }
            Token::Comment(comment) => pieces.push(format!("<!--{}-->", lossy(&comment.value))),
            Token::Doctype(doctype) => pieces.push(format!("<!{}>", lossy(&doctype.name))),
            Token::String(string) if raw.is_some() => pieces.push(lossy(&string.value)),
            Token::String(_) | Token::Error(_) => {}
        }
    }
    pieces
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
