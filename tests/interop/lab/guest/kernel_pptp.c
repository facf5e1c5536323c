/* A pppd plugin for PPTP in the client's kernel: GRE is the kernel's (AF_PPPOX), this speaks the
 * control connection (RFC 2637) and hands pppd the socket.
 *
 *     pppd plugin kernel_pptp.so pptp_server 198.51.100.1 ...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_pppox.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pppd/pppd.h>
#include <pppd/fsm.h>
#include <pppd/lcp.h>

char pppd_version[] = VERSION;

enum { START_REQUEST = 1, START_REPLY = 2, OUTGOING_REQUEST = 7, OUTGOING_REPLY = 8, CLEAR_REQUEST = 12 };
enum { CONNECTED = 1, START_LENGTH = 156, OUTGOING_LENGTH = 168, REPLY_LENGTH = 32, CLEAR_LENGTH = 16 };

static char *server;
static int control = -1;
static uint16_t local_call_id;

static option_t options[] = {
    { "pptp_server", o_string, &server, "Address of the PPTP server", OPT_PRIO },
    { NULL }
};

static void put16(uint8_t *message, size_t at, uint16_t value)
{
    value = htons(value);
    memcpy(message + at, &value, sizeof value);
}

static void put32(uint8_t *message, size_t at, uint32_t value)
{
    value = htonl(value);
    memcpy(message + at, &value, sizeof value);
}

static uint16_t get16(const uint8_t *message, size_t at)
{
    return message[at] << 8 | message[at + 1];
}

/* Sends a message whose own fields are filled in already. */
static int say(uint8_t *message, uint16_t length, uint16_t type)
{
    put16(message, 0, length);
    put16(message, 2, 1);
    put32(message, 4, 0x1a2b3c4d);
    put16(message, 8, type);
    return send(control, message, length, MSG_NOSIGNAL) == length ? 0 : -1;
}

/* Reads one message of the type, as Apple's client does: one read, that very message. */
static int hear(uint8_t *message, uint16_t length, uint16_t type)
{
    if (recv(control, message, length, MSG_WAITALL) != length)
        return -1;
    return get16(message, 0) == length && get16(message, 8) == type ? 0 : -1;
}

static int place_call(uint16_t *peer_call_id)
{
    uint8_t start[START_LENGTH] = { 0 }, call[OUTGOING_LENGTH] = { 0 }, reply[START_LENGTH];

    put16(start, 12, 0x0100);
    put32(start, 16, 3);
    put32(start, 20, 3);
    if (say(start, sizeof start, START_REQUEST) || hear(reply, START_LENGTH, START_REPLY) || reply[14] != CONNECTED)
        return -1;
    put16(call, 12, local_call_id);
    put16(call, 14, 1);
    put32(call, 16, 300);
    put32(call, 20, 100000000);
    put32(call, 24, 3);
    put32(call, 28, 3);
    put16(call, 32, 64);
    if (say(call, sizeof call, OUTGOING_REQUEST) || hear(reply, REPLY_LENGTH, OUTGOING_REPLY) || reply[16] != CONNECTED)
        return -1;
    if (get16(reply, 14) != local_call_id)
        return -1;
    *peer_call_id = get16(reply, 12);
    return 0;
}

static int pptp_connect(void)
{
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(1723) }, own;
    struct sockaddr_pppox here = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_PPTP }, there = here;
    socklen_t length = sizeof own;
    uint16_t peer_call_id;
    int tunnel;

    if (server == NULL || inet_pton(AF_INET, server, &peer.sin_addr) != 1)
        fatal("pptp_server is no address");
    control = socket(AF_INET, SOCK_STREAM, 0);
    if (control < 0 || connect(control, (struct sockaddr *)&peer, sizeof peer))
        fatal("no control connection: %m");
    if (getsockname(control, (struct sockaddr *)&own, &length))
        fatal("getsockname: %m");
    tunnel = socket(AF_PPPOX, SOCK_STREAM, PX_PROTO_PPTP);
    here.sa_addr.pptp.sin_addr = own.sin_addr;
    if (tunnel < 0 || bind(tunnel, (void *)&here, sizeof here))
        fatal("no PPTP in this kernel: %m");
    length = sizeof here;
    if (getsockname(tunnel, (void *)&here, &length))
        fatal("getsockname: %m");
    local_call_id = here.sa_addr.pptp.call_id;
    if (place_call(&peer_call_id))
        fatal("the server did not take the call");
    there.sa_addr.pptp.sin_addr = peer.sin_addr;
    there.sa_addr.pptp.call_id = peer_call_id;
    if (connect(tunnel, (void *)&there, sizeof there))
        fatal("the kernel did not take the call: %m");
    info("kernel PPTP: Call ID %d here, %d there", local_call_id, peer_call_id);
    strlcpy(remote_number, server, sizeof remote_number);
    return tunnel;
}

static void pptp_disconnect(void)
{
    uint8_t clear[CLEAR_LENGTH] = { 0 };

    if (control < 0)
        return;
    put16(clear, 12, local_call_id);
    say(clear, sizeof clear, CLEAR_REQUEST);
    close(control);
    control = -1;
}

static void pptp_send_config(int mtu, u_int32_t accm, int pcomp, int accomp)
{
    netif_set_mtu(0, mtu);
}

static void pptp_recv_config(int mru, u_int32_t accm, int pcomp, int accomp)
{
}

static void pptp_close(void)
{
    if (control >= 0)
        close(control);
}

static struct channel channel = {
    .options = options,
    .connect = pptp_connect,
    .disconnect = pptp_disconnect,
    .establish_ppp = generic_establish_ppp,
    .disestablish_ppp = generic_disestablish_ppp,
    .send_config = pptp_send_config,
    .recv_config = pptp_recv_config,
    .close = pptp_close,
};

void plugin_init(void)
{
    add_options(options);
    the_channel = &channel;
    modem = 0;
    /* A kernel's GRE needs no escapes. */
    lcp_wantoptions[0].neg_asyncmap = 0;
    lcp_allowoptions[0].neg_asyncmap = 0;
}
