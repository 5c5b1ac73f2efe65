//! The write-ordering invariant on the whole store: whatever is permuted, repeated, split, replayed,
//! erased, flushed, synced, compacted, reopened or killed, digest and answers are those of the model.

#![no_main]

#[path = "../../tests/store_model/case.rs"]
mod case;
#[path = "../../tests/store_model/choices.rs"]
mod choices;
#[path = "../../tests/killed/mod.rs"]
mod killed;
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../../tests/store_model/orders.rs"]
mod orders;
#[path = "../../tests/store_model/questions.rs"]
mod questions;
#[path = "../../tests/store_model/world.rs"]
mod world;

use case::Case;
use choices::Choices;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let case = Case::draw(&mut Choices::of_bytes(data));
    orders::run(&case).expect("no step fails");
});
