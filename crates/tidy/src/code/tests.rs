use super::*;

/// Blanks shown as dots, so that a reader can count them.
fn bare(raw: &str) -> String {
    Code::read(raw).bare.replace(' ', ".")
}

#[test]
fn comments_and_literals_are_blank_and_keep_their_place() {
    assert_eq!(bare("a// b\nc"), "a....\nc");
    assert_eq!(bare("a/*b/*c*/d*/e"), "a...........e");
    assert_eq!(bare(r#"f("b\"c")"#), r#"f("....")"#);
    assert_eq!(bare("r#\"a\"b\"#;c"), "r#\"...\"#;c");
    assert_eq!(bare("b'\\'';x"), "b'..';x");
    assert_eq!(bare("'é';x"), "'..';x");
}

#[test]
fn a_lifetime_and_a_raw_identifier_are_code() {
    assert_eq!(bare("&'a str"), "&'a.str");
    assert_eq!(bare("fn f<'a>(x:&'a u8)"), "fn.f<'a>(x:&'a.u8)");
    assert_eq!(bare("r#type"), "r#type");
}

#[test]
fn a_quote_inside_a_comment_opens_no_string() {
    assert_eq!(bare("// don't \"\nlet"), ".".repeat(10) + "\nlet");
}

#[test]
fn only_the_item_under_cfg_test_is_blank() {
    let code =
        Code::read("#[cfg(test)]\nuse a::{b};\nfn live() {}\n#[cfg(test)]\nmod t { x }\nend");
    assert!(!code.live.contains("use a") && !code.live.contains('x'));
    assert!(code.live.contains("fn live() {}") && code.live.contains("end"));
    assert_eq!(code.live.len(), code.raw.len());
}

#[test]
fn an_array_length_does_not_end_a_test_function() {
    let code = Code::read("#[cfg(test)]\n#[must_use]\nfn f() -> [u8; 4] { hidden }\nseen");
    assert!(!code.live.contains("hidden") && code.live.contains("seen"));
}

#[test]
fn a_word_is_not_part_of_a_longer_one() {
    let text = "unsafe unsafe_code an_unsafe (unsafe)";
    assert_eq!(words(text, "unsafe").collect::<Vec<_>>(), [0, 30]);
}

#[test]
fn a_body_is_found_past_its_signature() {
    let text = "fn f(a: [u8; 2]) -> [u8; 3] { g() } fn h();";
    let found = body(text, 3).expect("f has a body");
    assert_eq!(&text[found], "{ g() }");
    assert_eq!(body(text, 39), None);
}
