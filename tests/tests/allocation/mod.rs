//! How much memory a piece of work holds at most, and how often it asks for some.
#![allow(dead_code, reason = "some tests look at one, some at both")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts for each thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Does some work, and tells how many bytes the calling thread held at most meanwhile, beyond those it held before.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let outcome = work();
    (outcome, usize::try_from(PEAK.get() - before).unwrap_or_default())
}

/// Does some work, and tells how often the calling thread asked for memory meanwhile, or for more of it.
pub(crate) fn count_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = requests();
    let outcome = work();
    (outcome, requests() - before)
}

/// How often the calling thread has asked for memory so far, for work that is no one call.
pub(crate) fn requests() -> usize {
    COUNT.get()
}

/// Notes that memory is asked for. A thread that ends counts no more.
fn note_request() {
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

/// Notes bytes that come, or go if negative. A thread that ends counts no more.
fn note(bytes: isize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

fn signed(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

// SAFETY: the system's allocator does all of it; counting touches no memory that it manages.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note_request();
        note(signed(layout.size()));
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(-signed(layout.size()));
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note_request();
        note(signed(layout.size()));
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note_request();
        note(signed(size) - signed(layout.size()));
        // SAFETY: the caller's promise is the same.
        unsafe { System.realloc(place, layout, size) }
    }
}
