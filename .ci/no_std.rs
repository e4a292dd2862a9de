//! Links hyperwire-core without the standard library. If the core or anything it depends on brought std along, this
//! would not compile: there would be two panic handlers.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};

use hyperwire_core::buffer::OutBuf;
use hyperwire_core::session::{Config, Session};
use hyperwire_core::time::Instant;

struct NoMemory;

// SAFETY: it never hands out memory, which `GlobalAlloc::alloc` may do.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Uses the core, so that it is linked.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> bool {
    Session::start(Config::new("hyper"), [0; 18], Instant::EPOCH, &mut OutBuf::new()).is_ok()
}
