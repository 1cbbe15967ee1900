//! Logging in with `caching_sha2_password`, MySQL's default, without TLS.

use kayan_mysql::{MysqlDriver, Settings};
use kayan_sql::{Driver, DriverError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

async fn say(stream: &mut TcpStream, sequence: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let packet = [&length[..3], &[sequence], payload].concat();
    stream.write_all(&packet).await.unwrap();
}

async fn hear(stream: &mut TcpStream) -> Vec<u8> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.unwrap();
    let mut payload = vec![0; usize::from(header[0]) + (usize::from(header[1]) << 8)];
    stream.read_exact(&mut payload).await.unwrap();
    payload
}

/// What a server says that does not know the password yet: hello, the whole password please, and this is my key.
async fn server(listener: TcpListener, key: &[u8]) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let capabilities = 0x000b_8208_u32.to_le_bytes();
    let hello = [
        b"\x0a9.7.4\0\x01\0\0\0",
        &b"12345678\0"[..],
        &capabilities[..2],
        &[255, 2, 0],
        &capabilities[2..],
        &[21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        b"123456789012\0caching_sha2_password\0",
    ];
    say(&mut stream, 0, &hello.concat()).await;
    hear(&mut stream).await;
    say(&mut stream, 2, &[1, 4]).await;
    assert_eq!(hear(&mut stream).await, [2], "it asks for the key");
    say(&mut stream, 4, &[&[1], key].concat()).await;
}

#[tokio::test]
async fn a_server_whose_key_is_none_is_unavailable_and_brings_nothing_down() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let dsn = format!("kayan:hunter2@tcp(127.0.0.1:{})/kayan", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(server(listener, b"no key"));
    let driver = MysqlDriver::connect(&dsn, Settings::default()).unwrap();
    let Err(DriverError::Unavailable(why)) = driver.ping().await else { panic!("let in") };
    assert!(why.starts_with("KAYAN_DB_DSN: the password can't be encrypted") && !why.contains("hunter2"), "{why}");
    serving.await.unwrap();
}
