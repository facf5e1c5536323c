/* MPPE-128 a packet at a time: over OpenSSL's low-level RC4 and SHA-1, and in the Linux kernel's
 * way (RC4 in plain C with a table of words, SHA-1 as the kernel would get it from a library). */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rc4.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <string.h>

static const unsigned char pad_1[40];
static const unsigned char pad_2[40] = {
    0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2,
    0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2,
    0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2, 0xf2};

_Static_assert(sizeof(RC4_KEY) == 258 * 4, "the Rust side has room for so much");

/* RFC 3079 3.4. */
static void interim_key(const unsigned char *start, const unsigned char *session,
                        unsigned char key[20])
{
    SHA_CTX hash;

    SHA1_Init(&hash);
    SHA1_Update(&hash, start, 16);
    SHA1_Update(&hash, pad_1, sizeof(pad_1));
    SHA1_Update(&hash, session, 16);
    SHA1_Update(&hash, pad_2, sizeof(pad_2));
    SHA1_Final(key, &hash);
}

void pns_peer_openssl_key(RC4_KEY *rc4, const unsigned char *key)
{
    RC4_set_key(rc4, 16, key);
}

void pns_peer_openssl_run(RC4_KEY *rc4, unsigned char *data, size_t length)
{
    RC4(rc4, length, data, data);
}

void pns_peer_openssl_change(const unsigned char *start, unsigned char *session)
{
    unsigned char interim[20];
    RC4_KEY rc4;

    interim_key(start, session, interim);
    RC4_set_key(&rc4, 16, interim);
    RC4(&rc4, 16, interim, session);
}

/* As Linux lays RC4 out: both indices, and a table of words. */
struct plain_rc4 {
    unsigned int i, j;
    unsigned int table[256];
};

void pns_peer_plain_key(struct plain_rc4 *rc4, const unsigned char *key)
{
    unsigned int place, j = 0;

    for (place = 0; place < 256; place++)
        rc4->table[place] = place;
    for (place = 0; place < 256; place++) {
        unsigned int entry = rc4->table[place];

        j = (j + key[place & 15] + entry) & 0xff;
        rc4->table[place] = rc4->table[j];
        rc4->table[j] = entry;
    }
    rc4->i = 1;
    rc4->j = 0;
}

void pns_peer_plain_run(struct plain_rc4 *rc4, unsigned char *data, size_t length)
{
    unsigned int *const table = rc4->table;
    unsigned int i = rc4->i, j = rc4->j, entry, other;

    while (length--) {
        entry = table[i];
        j = (j + entry) & 0xff;
        other = table[j];
        table[j] = entry;
        table[i] = other;
        i = (i + 1) & 0xff;
        *data++ ^= (unsigned char)table[(entry + other) & 0xff];
    }
    rc4->i = i;
    rc4->j = j;
}

void pns_peer_plain_change(const unsigned char *start, unsigned char *session)
{
    unsigned char interim[20];
    struct plain_rc4 rc4;

    interim_key(start, session, interim);
    pns_peer_plain_key(&rc4, interim);
    memcpy(session, interim, 16);
    pns_peer_plain_run(&rc4, session, 16);
}
