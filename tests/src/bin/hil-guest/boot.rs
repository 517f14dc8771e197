//! From the kernel's first program to the host's files, and the end.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount_move};
use rustix::net::{AddressFamily, SendFlags, SocketType};
use rustix::system::RebootCommand;

use crate::wire::Outcome;
use crate::{Tried, said};

/// Where the archive has the first modules.
const MODULES: &str = "/modules";
/// Where the host's files are before they are the root.
const HOST: &str = "/host";
/// How the port to the host is called; numbers of the machine's devices follow.
const PORT: &str = "vport";
/// How long the hardware may take to show itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Brings everything up. Gives the port to the host.
pub(crate) fn up() -> File {
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        // The kernel may have mounted one of them itself.
        let _ = mount(kind, at, kind, "");
    }
    let mut modules: Vec<_> = fs::read_dir(MODULES)
        .unwrap()
        .map(|module| module.unwrap().path())
        .collect();
    modules.sort();
    for module in modules {
        load(&module.display().to_string(), "").unwrap();
    }
    let options = "trans=virtio,version=9p2000.L,msize=262144";
    // The emulator gives it out read-only.
    let kept = format!("{options},cache=loose");
    mount("root", HOST, "9p", &kept).unwrap();
    for at in ["/proc", "/sys", "/dev"] {
        mount_move(at, format!("{HOST}{at}")).unwrap();
    }
    rustix::process::chroot(HOST).unwrap();
    rustix::process::chdir("/").unwrap();
    mount("run", "/run", "tmpfs", "").unwrap();
    let both_write = format!("{options},cache=none");
    mount("shared", crate::wire::SHARED, "9p", &both_write).unwrap();
    bring_loopback_up().unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let nodes = fs::read_dir("/dev").unwrap().flatten();
        let mut ports = nodes.filter(|node| node.file_name().to_string_lossy().starts_with(PORT));
        if let Some(port) = ports.next() {
            let port = OpenOptions::new().read(true).write(true).open(port.path());
            return port.unwrap();
        }
        assert!(Instant::now() < deadline, "no port to the host came");
        std::thread::sleep(crate::LOOK_EVERY);
    }
}

/// Ends the guest.
pub(crate) fn down() {
    let _ = rustix::system::reboot(RebootCommand::PowerOff);
}

/// Loads a module, unless it is there.
pub(crate) fn load(path: &str, parameters: &str) -> Result<(), String> {
    let parameters = CString::new(parameters).map_err(|error| said(path, &error))?;
    let file = File::open(path).map_err(|error| said(path, &error))?;
    match rustix::system::finit_module(&file, &parameters, 0) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(said(path, &error)),
    }
}

/// Takes a module out as soon as nothing of it is in use.
pub(crate) fn unload(module: &str, within: Duration) -> Tried {
    let name = CString::new(module).map_err(|error| said(module, &error))?;
    // Do not wait in the kernel, which would have no end.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let flags = i32::try_from(flags).map_err(|error| said(module, &error))?;
    let deadline = Instant::now() + within;
    loop {
        match rustix::system::delete_module(&name, flags) {
            Ok(()) => return Ok(Outcome::Done),
            Err(Errno::AGAIN | Errno::BUSY) if Instant::now() < deadline => {
                std::thread::sleep(crate::LOOK_EVERY);
            }
            Err(error) => return Err(said(module, &error)),
        }
    }
}

/// Mounts a file system.
pub(crate) fn mount(source: &str, at: &str, kind: &str, options: &str) -> Result<(), String> {
    let options = CString::new(options).map_err(|error| said(at, &error))?;
    rustix::mount::mount(source, at, kind, MountFlags::empty(), options.as_c_str())
        .map_err(|error| said(&format!("{source} at {at}"), &error))
}

/// Tells the kernel that the first network device, loopback, is to be up: one message of rtnetlink(7).
fn bring_loopback_up() -> rustix::io::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST: u16 = 1;
    const IFF_UP: u32 = 1;
    const LOOPBACK: i32 = 1;
    let mut message = Vec::new();
    message.extend(32_u32.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    // Its sequence number and its sender: both may be zero.
    message.extend([0; 8]);
    // Family, padding and type of device: any.
    message.extend([0; 4]);
    message.extend(LOOPBACK.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    // Without a protocol it is the first one: rtnetlink.
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    rustix::net::send(&socket, &message, SendFlags::empty())?;
    Ok(())
}
