/* The Linux kernel's own PPTP, timed inside a guest: frames are put on a veth, the kernel forwards
 * them through a ppp interface (PPTP in the kernel, MPPE by ppp_mppe), and they leave by another veth,
 * where nobody wants them.
 *
 *     guest REPEATS
 *
 * Prints a line for each case and length: the least time of a frame on its way, and the least time
 * of the same frame when it is dropped on arrival, both in nanoseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_packet.h>
#include <linux/if_pppox.h>
#include <linux/ppp-comp.h>
#include <linux/ppp-ioctl.h>
#include <linux/ppp_defs.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 128, ROOM = 1600, OPTION = 6, KEY = 16, LENGTHS = 3, MAC = 6 };
enum { ETHERNET = 14, IPV4 = 20, GRE = 12, CALL_ID_AT = 6, SEQUENCE_AT = 8 };
enum { OUR_CALL = 1, THEIR_CALL = 2 };
enum mppe { CLEAR, STATELESS, STATEFUL, MODES };

static const int lengths[LENGTHS] = { 64, 512, 1400 };
static const char *const mode_names[MODES] = { "clear", "stateless", "stateful" };
static const uint8_t arrival[MAC] = { 2, 0, 0, 0, 0, 1 }, elsewhere[MAC] = { 2, 0, 0, 0, 0, 9 };

/* What a case sends. */
static uint8_t frames[FRAMES][ROOM];
static int frame_length;

static int unit, channel, tunnel, generator;
static uint32_t sequence;

static void must(int fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "guest: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void run(const char *command)
{
    if (system(command) == 0)
        return;
    fprintf(stderr, "guest: %s\n", command);
    exit(1);
}

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

/* Two cables: in by g1, out by s0. Nobody answers ARP, and nobody has to. */
static void make_network(void)
{
    must(unshare(CLONE_NEWNET) == 0, "a network of its own");
    run("echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter");
    run("echo 1 > /proc/sys/net/ipv4/ip_forward");
    run("ip link set lo up; ip link add g0 type veth peer name g1 address 02:00:00:00:00:01");
    run("ip link add s0 type veth peer name s1; for it in g0 g1 s0 s1; do ip link set $it up; done");
    run("ip address add 10.6.0.1/24 dev g1; ip address add 10.9.0.1/24 dev s0");
    run("ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:09 dev s0 nud permanent");
    struct sockaddr_ll here = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("g0") };
    generator = socket(AF_PACKET, SOCK_RAW, 0);
    must(generator >= 0 && bind(generator, (void *)&here, sizeof here) == 0, "a packet socket");
}

/* A call that is up, and its interface. */
static void place_call(const char *routes)
{
    struct sockaddr_pppox here = { .sa_family = AF_PPPOX, .sa_protocol = PX_PROTO_PPTP }, there = here;
    int number = -1;

    here.sa_addr.pptp.call_id = OUR_CALL;
    inet_pton(AF_INET, "10.9.0.1", &here.sa_addr.pptp.sin_addr);
    there.sa_addr.pptp.call_id = THEIR_CALL;
    inet_pton(AF_INET, "10.9.0.2", &there.sa_addr.pptp.sin_addr);
    tunnel = socket(AF_PPPOX, SOCK_STREAM, PX_PROTO_PPTP);
    must(tunnel >= 0, "PPTP in this kernel");
    must(bind(tunnel, (void *)&here, sizeof here) == 0, "bind");
    must(connect(tunnel, (void *)&there, sizeof there) == 0, "connect");
    must(ioctl(tunnel, PPPIOCGCHAN, &number) == 0, "PPPIOCGCHAN");
    channel = open("/dev/ppp", O_RDWR);
    must(channel >= 0 && ioctl(channel, PPPIOCATTCHAN, &number) == 0, "PPPIOCATTCHAN");
    unit = open("/dev/ppp", O_RDWR | O_NONBLOCK);
    number = -1;
    must(unit >= 0 && ioctl(unit, PPPIOCNEWUNIT, &number) == 0, "PPPIOCNEWUNIT");
    must(ioctl(channel, PPPIOCCONNECT, &number) == 0, "PPPIOCCONNECT");
    run("ip address add 10.7.0.1/32 dev ppp0; ip link set ppp0 mtu 1450 up");
    run(routes);
    sequence = 0;
}

static void hang_up(void)
{
    close(unit);
    close(channel);
    close(tunnel);
    close(generator);
}

static void put_ipv4(uint8_t *at, int total, int protocol, const char *from, const char *to)
{
    uint32_t sum = 0;
    int i;

    memset(at, 0, IPV4);
    at[0] = 0x45;
    at[2] = total >> 8;
    at[3] = total;
    at[8] = 64;
    at[9] = protocol;
    inet_pton(AF_INET, from, at + 12);
    inet_pton(AF_INET, to, at + 16);
    for (i = 0; i < IPV4; i += 2)
        sum += at[i] << 8 | at[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    at[10] = sum >> 8;
    at[11] = sum;
}

static void put_ethernet(uint8_t *at)
{
    memcpy(at, arrival, MAC);
    memset(at + MAC, 2, MAC);
    at[12] = 0x08;
    at[13] = 0x00;
}

/* Packets for the peer of the call, of so many bytes. */
static void make_plain(int length)
{
    int i;

    frame_length = ETHERNET + length;
    for (i = 0; i < FRAMES; i++) {
        memset(frames[i], i, ROOM);
        put_ethernet(frames[i]);
        put_ipv4(frames[i] + ETHERNET, length, 17, "10.6.0.2", "10.7.0.2");
    }
}

static void address_all(const uint8_t *mac)
{
    int i;

    for (i = 0; i < FRAMES; i++)
        memcpy(frames[i], mac, MAC);
}

/* Frames of a peer carry the next numbers. */
static void number_all(void)
{
    int i;

    for (i = 0; i < FRAMES; i++) {
        uint32_t next = htonl(sequence++);
        memcpy(frames[i] + ETHERNET + IPV4 + SEQUENCE_AT, &next, sizeof next);
    }
}

static const uint8_t *mppe_option(enum mppe mode)
{
    static uint8_t option[OPTION + KEY] = { CI_MPPE, OPTION, 0, 0, 0, 0x40 };

    option[2] = mode == STATELESS ? 0x01 : 0;
    memset(option + OPTION, 0x5a, KEY);
    return option;
}

/* CCP's Configure-Ack, which turns MPPE on when it passes: bytes from the protocol field on. */
static int configure_ack(enum mppe mode, uint8_t *at)
{
    const uint8_t head[] = { 0x80, 0xfd, CCP_CONFACK, 1, 0, 4 + OPTION };

    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, mppe_option(mode), OPTION);
    return sizeof head + OPTION;
}

static void set_flags(int flags)
{
    must(ioctl(unit, PPPIOCSFLAGS, &flags) == 0, "PPPIOCSFLAGS");
}

/* CCP is being agreed on, with this key. */
static void set_key(enum mppe mode, int transmit)
{
    struct ppp_option_data data = {
        .ptr = (uint8_t *)mppe_option(mode), .length = OPTION + KEY, .transmit = transmit
    };

    must(ioctl(unit, PPPIOCSCOMPRESS, &data) == 0, "PPPIOCSCOMPRESS");
    set_flags(SC_CCP_OPEN);
}

/* From here on the kernel encrypts, from the first key on. */
static void arm_encryption(enum mppe mode)
{
    uint8_t ack[64];
    int length;

    if (mode == CLEAR)
        return;
    set_key(mode, 1);
    length = configure_ack(mode, ack);
    must(write(unit, ack, length) == length, "an answer to CCP");
    set_flags(SC_CCP_OPEN | SC_CCP_UP);
}

/* From here on it decrypts: the peer has agreed. */
static void arm_decryption(enum mppe mode)
{
    uint8_t frame[128] = { 0 }, *gre = frame + ETHERNET + IPV4, *ppp = gre + GRE;
    uint32_t next = htonl(sequence++);
    int length;

    if (mode == CLEAR)
        return;
    set_key(mode, 0);
    put_ethernet(frame);
    ppp[0] = 0xff;
    ppp[1] = 0x03;
    length = 2 + configure_ack(mode, ppp + 2);
    put_ipv4(frame + ETHERNET, IPV4 + GRE + length, 47, "10.9.0.2", "10.9.0.1");
    memcpy(gre, (uint8_t[]){ 0x30, 0x01, 0x88, 0x0b, 0, length, 0, OUR_CALL }, 8);
    memcpy(gre + SEQUENCE_AT, &next, sizeof next);
    must(send(generator, frame, ETHERNET + IPV4 + GRE + length, 0) > 0, "CCP of the peer");
    set_flags(SC_CCP_OPEN | SC_CCP_UP);
}

/* Frames that an interface has received. */
static long received(const char *interface)
{
    char text[4096], *line;
    int file = open("/proc/self/net/dev", O_RDONLY), length;
    long frames_so_far = 0;

    must(file >= 0 && (length = read(file, text, sizeof text - 1)) > 0, "/proc/self/net/dev");
    close(file);
    text[length] = 0;
    line = strstr(text, interface);
    must(line && sscanf(line + strlen(interface), ": %*s %ld", &frames_so_far) == 1, interface);
    return frames_so_far;
}

/* Sends all frames and waits until they are through: nanoseconds for each. */
static double push_all(const char *until)
{
    static struct mmsghdr messages[FRAMES];
    static struct iovec parts[FRAMES];
    long expected = received(until) + FRAMES, tries = 0;
    double began, took;
    int i, sent = 0;

    for (i = 0; i < FRAMES; i++) {
        parts[i] = (struct iovec){ frames[i], frame_length };
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
    }
    began = now_ns();
    while (sent < FRAMES) {
        i = sendmmsg(generator, messages + sent, FRAMES - sent, 0);
        must(i > 0, "sendmmsg");
        sent += i;
    }
    took = now_ns() - began;
    while (received(until) < expected) {
        if (tries++ > 1000) {
            fprintf(stderr, "guest: %ld of %d frames did not come out\n", expected - received(until), FRAMES);
            exit(1);
        }
        sched_yield();
        took = now_ns() - began;
    }
    return took / FRAMES;
}

static double least(double a, double b) { return a < b ? a : b; }

static double dropped_on_arrival(double so_far)
{
    address_all(elsewhere);
    so_far = least(so_far, push_all("g1"));
    address_all(arrival);
    return so_far;
}

static void encrypt(enum mppe mode, int length, int repeats)
{
    double way = 1e12, dropped = 1e12;

    make_plain(length);
    arm_encryption(mode);
    while (repeats--) {
        way = least(way, push_all("s1"));
        dropped = dropped_on_arrival(dropped);
    }
    printf("encrypt %s %d %.1f %.1f\n", mode_names[mode], length, way, dropped);
}

/* What the kernel makes of the packets, from the first key on, as if a peer had sent it. */
static void record(enum mppe mode, int length, uint8_t stored[FRAMES][ROOM], int *stored_length)
{
    struct sockaddr_ll end = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
    int tap = socket(AF_PACKET, SOCK_RAW, 0), room = 16 << 20, i = 0;
    struct timeval patience = { .tv_sec = 2 };

    make_plain(length);
    arm_encryption(mode);
    end.sll_ifindex = if_nametoindex("s1");
    setsockopt(tap, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(tap, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    must(tap >= 0 && bind(tap, (void *)&end, sizeof end) == 0, "a packet socket that listens");
    push_all("s1");
    for (i = 0; i < FRAMES; i++) {
        uint8_t *frame = stored[i], swap[4], *ip = frame + ETHERNET, *gre = ip + IPV4;

        *stored_length = recv(tap, frame, ROOM, 0);
        must(*stored_length > length && gre[0] == 0x30, "a frame in GRE");
        put_ethernet(frame);
        memcpy(swap, ip + 12, 4);
        memcpy(ip + 12, ip + 16, 4);
        memcpy(ip + 16, swap, 4);
        gre[CALL_ID_AT + 1] = OUR_CALL;
    }
    close(tap);
}

static void decrypt(enum mppe mode, int length, int repeats, uint8_t stored[FRAMES][ROOM], int stored_length)
{
    double way = 1e12, dropped = 1e12;

    memcpy(frames, stored, sizeof frames);
    frame_length = stored_length;
    while (repeats--) {
        arm_decryption(mode);
        number_all();
        way = least(way, push_all("s1"));
        dropped = dropped_on_arrival(dropped);
    }
    printf("decrypt %s %d %.1f %.1f\n", mode_names[mode], length, way, dropped);
}

int main(int count, char **words)
{
    static uint8_t stored[MODES][LENGTHS][FRAMES][ROOM];
    int stored_lengths[MODES][LENGTHS], mode, i;
    int repeats = count > 1 ? atoi(words[1]) : 1;

    make_network();
    place_call("ip route add 10.7.0.2 dev ppp0");
    for (mode = CLEAR; mode < MODES; mode++) {
        for (i = 0; i < LENGTHS; i++) {
            record(mode, lengths[i], stored[mode][i], &stored_lengths[mode][i]);
            encrypt(mode, lengths[i], repeats);
        }
    }
    hang_up();
    make_network();
    place_call("ip route add 10.7.0.2 via 10.9.0.2 dev s0");
    for (mode = CLEAR; mode < MODES; mode++)
        for (i = 0; i < LENGTHS; i++)
            decrypt(mode, lengths[i], repeats, stored[mode][i], stored_lengths[mode][i]);
    hang_up();
    return 0;
}
