//! The daemon that a test's election starts: of the place that its environment names, with the hyperd of its argument.

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use hyperwire_blocking::daemon::{Daemon, Place, Settings};

    let program = std::env::args_os().nth(1).ok_or("the argument is the path of hyperd")?;
    let place = Place::of_this_process()?;
    Daemon::new(&Settings::new(place, program))?.reporting_to(std::io::stdout()).run(&mut |_| {})?;
    Ok(())
}

#[cfg(not(unix))]
fn main() {}
