/*
 * Packet sockets along the way of a probe; see reach-internal.h.
 *
 * One in each namespace sees all its links: a packet that comes in before the bridge or a filter does, one that goes out
 * behind both (packet(7); __netif_receive_skb_core(), dev_hard_start_xmit() in the kernel). The kernel hands over probes
 * by their cookie, and what asks for hardware addresses or answers that; other packets never fill the socket.
 *
 * Whoever has privilege in such a namespace may forge what is seen in it: the lengths are checked, and so many packets
 * are taken at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net/reach-internal.h"

enum {
	SNAP = 160, TAKE_MOST = 4096,
	IPV4_PROTOCOL = 9, IPV4_LOAD = 28,
	IPV6_NEXT = 6, IPV6_LOAD = 48, IPV6_HEADER = 40,
	SOLICITATION = 135, ADVERTISEMENT = 136,	/* RFC 4861 */
	ARP_REQUEST = 1, ARP_REPLY = 2,
};

struct arp {			/* of IPv4 over Ethernet, RFC 826 */
	uint8_t fixed[6], operation[2];
	uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
};

/* Offsets are those of the network header: links without Ethernet are seen in the same way. */
static int attach_filter(int fd, const struct reach_load *load)
{
	uint32_t cookie = (uint32_t)load->cookie[0] << 24 | load->cookie[1] << 16 | load->cookie[2] << 8 | load->cookie[3];
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 14, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IPV4_PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 12),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IPV4_LOAD),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cookie, 9, 10),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 9),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IPV6_NEXT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IPV6_LOAD),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cookie, 4, 5),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IPV6_HEADER),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOLICITATION, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADVERTISEMENT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SNAP),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { .len = array_size(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* With protocol 0 it takes nothing before the filter is there. */
static int open_watch(void *arg, struct error *e)
{
	const struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(e, errno, "open a packet socket");
	if (attach_filter(fd, arg) < 0 || bind(fd, (const void *)&all, sizeof(all)) < 0) {
		int rc = fail(e, errno, "open a packet socket");

		close_fd(fd);
		return rc;
	}
	return fd;
}

static bool is_watched(const struct reach_watch *w, const struct netns *ns)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->ns[i] == ns)
			return w->fd[i] >= 0;
	return false;
}

static void watch(struct reach_look *l, struct reach_watch *w, struct netns *ns)
{
	struct error e = { 0 };

	for (size_t i = 0; i < w->count; i++)
		if (w->ns[i] == ns)
			return;
	w->ns[w->count] = ns;
	w->fd[w->count] = netns_open_inside(ns, open_watch, &w->load, &e);
	if (w->fd[w->count] < 0)
		reach_note(l, "%s: packets could not be followed here: %s", reach_place(ns), e.text);
	w->count++;
}

void reach_watch_open(struct reach_look *l, struct reach_track *there, struct reach_track *back,
		      const struct reach_load *load, struct reach_watch *out)
{
	*out = (struct reach_watch){ .load = *load, .track = { there, back } };
	for (size_t k = 0; k < array_size(out->track); k++)
		for (size_t i = 0; i < out->track[k]->count; i++)
			watch(l, out, out->track[k]->point[i].ns);
	for (size_t k = 0; k < array_size(out->track); k++)
		for (size_t i = 0; i < out->track[k]->count; i++)
			out->track[k]->point[i].watched = is_watched(out, out->track[k]->point[i].ns);
}

void reach_watch_close(struct reach_watch *w)
{
	for (size_t i = 0; i < w->count; i++)
		close_fd(w->fd[i]);
	w->count = 0;
}

/* One packet that was seen. */
struct sight {
	const struct netns *ns;
	struct sockaddr_ll at;
	uint8_t byte[SNAP];
	size_t length;
};

/* ABOUT whose hardware address, for the asker that has the hardware address ASKER (NULL: whoever asks). */
static void mark(struct reach_track *t, const struct sight *s, enum reach_packet packet, const struct inet *about,
		 const uint8_t *asker)
{
	bool in = s->at.sll_pkttype != PACKET_OUTGOING;

	for (size_t i = 0; i < t->count; i++) {
		struct reach_point *p = &t->point[i];

		if (p->ns != s->ns || p->index != s->at.sll_ifindex || (p->in == in) == (packet == REACH_ANSWER))
			continue;
		if (about && !reach_same_address(about, &t->hop[p->hop].next))
			continue;
		if (asker && memcmp(asker, t->point[t->hop[p->hop].first].mac, sizeof(p->mac)) != 0)
			continue;
		/* At who asked an answer to another hardware address is none. */
		if (packet == REACH_ANSWER && s->at.sll_pkttype == PACKET_OTHERHOST && i == t->hop[p->hop].first)
			continue;
		p->seen[packet] = true;
		if (packet == REACH_PROBE && s->at.sll_pkttype == PACKET_OTHERHOST)
			p->other_host = true;
	}
}

static void mark_both(const struct reach_watch *w, const struct sight *s, enum reach_packet packet, int family,
		      const void *bytes, const uint8_t *asker)
{
	struct inet about = { .family = family };

	memcpy(about.byte, bytes, inet_bytes(family));
	for (size_t i = 0; i < array_size(w->track); i++)
		mark(w->track[i], s, packet, &about, asker);
}

static void take_probe(const struct reach_watch *w, const struct sight *s, size_t offset)
{
	struct reach_load load;

	if (s->length < offset + sizeof(load))
		return;
	memcpy(&load, s->byte + offset, sizeof(load));
	if (memcmp(load.cookie, w->load.cookie, sizeof(load.cookie)) != 0 || load.direction >= array_size(w->track))
		return;
	if (!load.large)
		mark(w->track[load.direction], s, REACH_PROBE, NULL, NULL);
}

static void take_arp(const struct reach_watch *w, const struct sight *s)
{
	struct arp a;

	if (s->length < sizeof(a))
		return;
	memcpy(&a, s->byte, sizeof(a));
	if (a.operation[1] == ARP_REQUEST)
		mark_both(w, s, REACH_QUESTION, AF_INET, a.target, a.sender_mac);
	else if (a.operation[1] == ARP_REPLY)
		mark_both(w, s, REACH_ANSWER, AF_INET, a.sender, a.target_mac);
}

/* Type, code, checksum and four bytes stand before the address. */
static void take_discovery(const struct reach_watch *w, const struct sight *s)
{
	if (s->length < IPV6_HEADER + 8 + sizeof(struct in6_addr))
		return;
	if (s->byte[IPV6_HEADER] == SOLICITATION)
		mark_both(w, s, REACH_QUESTION, AF_INET6, s->byte + IPV6_HEADER + 8, NULL);
	else if (s->byte[IPV6_HEADER] == ADVERTISEMENT)
		mark_both(w, s, REACH_ANSWER, AF_INET6, s->byte + IPV6_HEADER + 8, NULL);
}

static void take_sight(const struct reach_watch *w, const struct sight *s)
{
	switch (ntohs(s->at.sll_protocol)) {
	case ETH_P_ARP:
		take_arp(w, s);
		break;
	case ETH_P_IP:
		take_probe(w, s, IPV4_LOAD);
		break;
	case ETH_P_IPV6:
		if (s->length > IPV6_HEADER && s->byte[IPV6_NEXT] == IPPROTO_ICMPV6)
			take_discovery(w, s);
		else
			take_probe(w, s, IPV6_LOAD);
		break;
	}
}

void reach_watch_take(struct reach_watch *w)
{
	for (size_t i = 0; i < w->count; i++) {
		for (int n = 0; w->fd[i] >= 0 && n < TAKE_MOST; n++) {
			struct sight s = { .ns = w->ns[i] };
			socklen_t length = sizeof(s.at);
			ssize_t got = recvfrom(w->fd[i], s.byte, sizeof(s.byte), 0, (void *)&s.at, &length);

			if (got < 0)
				break;
			s.length = got;
			take_sight(w, &s);
		}
	}
}
