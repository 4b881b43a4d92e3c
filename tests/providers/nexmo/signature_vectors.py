"""Parameters with their known signatures, in every method."""

from __future__ import annotations

TESTING = "my_secret_key_for_testing"

A = {
    "message-timestamp": "2013-11-21 15:27:30",
    "messageId": "020000001B0FE827",
    "msisdn": "14843472194",
    "text": "Test again",
    "timestamp": "1385047698",
    "to": "13239877404",
    "type": "text",
}
B = {
    "api_key": "fake_api_key",
    "from": "AcmeInc",
    "text": "Test From Nexmo",
    "timestamp": "1540924779",
    "to": "14155550100",
    "type": "text",
}
C = {
    "keyword": "TEST",
    "message-timestamp": "2017-04-04 22:57:47",
    "messageId": "0B00000042AC53BD",
    "msisdn": "14843472194",
    "nonce": "929d6744-bd28-42c8-b6cf-31d5b4f43732",
    "text": "Test with & and =",
    "timestamp": "1491346667",
    "to": "12192259404",
    "type": "text",
}
D = {
    "api_key": "not_a_key",
    "from": "12192259404",
    "text": "Test&test=something",
    "timestamp": "1490638615",
    "to": "14843472194",
}
E = {
    "api_key": "abcd1234",
    "client-ref": "m-42",
    "from": "447700900000",
    "text": "Grüße & 你好=😀",
    "timestamp": "1700000000",
    "to": "447700900001",
    "type": "unicode",
}

#: Parameters, secret, method, and the signature that they have.
VECTORS = [
    (A, TESTING, "md5hash", "d2e7b1dc968737c5998ad624e02f90b7"),
    (A, TESTING, "md5", "ddebd46008c2d4e93cce578a332a52d5"),
    (A, TESTING, "sha1", "27d0d05c2876c7cb1720dbcdba4d492e1e55c09a"),
    (A, TESTING, "sha256", "ddb8397c2b90aac7f3882d306475c9a5058c92322eef43c92b298b6e0fc0d330"),
    (
        A,
        TESTING,
        "sha512",
        "e0d3c650f8c9d1a5c174d10dddbfb003e561f59b265616208b0487c5d819481c"
        "d3c311d59cf6165ecd1139622d5ba3a256c0d763ac4a9ad9144b5a426b94fe82",
    ),
    (B, "71efab63122f1d179f51c46bac838fb5", "md5hash", "2af9e28662706a74b5211d557b7a7576"),
    (B, "71efab63122f1d179f51c46bac838fb5", "md5", "51cdafebb4bbce9525b195c1617cb8d2"),
    (B, "71efab63122f1d179f51c46bac838fb5", "sha1", "0162aec64bc183b2e1256545951fe5639dc98020"),
    (
        B,
        "71efab63122f1d179f51c46bac838fb5",
        "sha256",
        "9fec5ef6d0f2b3d2bb7558b6e4042569823cab9ea0dd30503472b7b304601975",
    ),
    (
        B,
        "71efab63122f1d179f51c46bac838fb5",
        "sha512",
        "40bd12b9a4b6000ad1138eefd24ffe9fbd72aee13c3fa04b32bb69dbc256ad0a"
        "04a463b1a9af6660d10f6e1e769ee14b9cff6a635502e93afcd0bfab29f38f87",
    ),
    (C, TESTING, "md5hash", "e06d9763e3fd0b9c31beb5fc2fcb011c"),
    (C, TESTING, "sha256", "2b2d9386f4daae2f0694798e64ef3e48ce65a31b24906d501be5a7216bd3f31e"),
    (D, TESTING, "md5hash", "17f5e3b22f778ec73464c01d180e9d0f"),
    (D, TESTING, "sha256", "8fd984a6d606b2849dcb71fa8054cd19d3a944821a0840e25f7a5fe604f8c9dc"),
    (E, "abcdef0123456789", "md5hash", "49a5f534861c576d139d715edce58509"),
    (E, "abcdef0123456789", "sha256", "a9393d4223c8b819057936872eacfab398ce53dfaecbe851714f4465b81b07be"),
]
