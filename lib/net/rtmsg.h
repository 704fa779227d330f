/*
 * Messages of rtnetlink(7) in buffers: built, printed, read. Pure: nothing is sent here, see nl.h.
 *
 * What a message asks for is data, a struct rt_request. From it come the bytes; from the bytes, by a table
 * of what each attribute is, the text that --explain prints; and beside that the command of iproute2 that
 * asks for the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NSKIT_RTMSG_H
#define NSKIT_RTMSG_H

#include <linux/netlink.h>
#include <net/if.h>

#include "base/base.h"
#include "base/error.h"
#include "base/str.h"
#include "net/end.h"

/* Which fields of a struct rt_link count: what a request sets, or what a message said. */
enum rt_link_has {
	LINK_NAME	= 1 << 0,
	LINK_KIND	= 1 << 1,
	LINK_MAC	= 1 << 2,
	LINK_MTU	= 1 << 3,
	LINK_GROUP	= 1 << 4,
	LINK_MASTER	= 1 << 5,	/* 0: none */
	LINK_ALIAS	= 1 << 6,
	LINK_QUEUES	= 1 << 7,
	LINK_TXQLEN	= 1 << 8,
	LINK_NETNS	= 1 << 9,	/* a request: in, or to, the namespace behind the descriptor NETNS */
	LINK_STATE	= 1 << 10,	/* a request: UP */
	LINK_PEER	= 1 << 11,	/* a message: PEER is the index of the other end */
	LINK_NEW_INDEX	= 1 << 13,	/* a request: NEW_INDEX, in the namespace where it goes (5.12) */
	LINK_PEER_NSID	= 1 << 12,	/* a message: the other end is in namespace PEER_NSID;
					 * RT_LINK_GET: look there (4.16) */
};

/* What a port of a bridge does, or does not (ip-link(8), bridge_slave). */
enum rt_port_flag {
	PORT_ISOLATED	= 1 << 0,	/* 4.18 */
	PORT_LOCKED	= 1 << 1,	/* 5.18 */
	PORT_LEARNING	= 1 << 2,
	PORT_FLOOD	= 1 << 3,	/* unknown unicast */
	PORT_MCAST_FLOOD = 1 << 4,
	PORT_BCAST_FLOOD = 1 << 5,
	PORT_NEIGH_SUPPRESS = 1 << 6,
};

struct rt_link {
	unsigned int has;
	int index;
	char name[IFNAMSIZ], kind[IFNAMSIZ], slave_kind[IFNAMSIZ];
	uint8_t mac[6];
	uint32_t mtu, group, queues, txqlen;
	int master;
	char master_name[IFNAMSIZ];	/* for the text beside a request */
	char alias[END_ALIAS_MOST + 1];
	int new_index;
	int netns;
	const char *netns_name;		/* for the text beside a request: what ip(8) takes behind "netns" */
	bool up;
	int peer, peer_nsid;		/* PEER_NSID is -1 where that namespace is gone, or nearly */
	unsigned int flags;		/* a message: IFF_* */
	uint8_t operstate;		/* a message: IF_OPER_* */
	uint8_t port_state;		/* a message: BR_STATE_* of a port of a bridge */
	unsigned int port_flags;	/* a message: PORT_* of a port of a bridge */
	bool vlan_filtering;		/* a message: of a bridge */
	uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped;
};

struct rt_address {
	int index;
	struct inet address;
	unsigned int flags;		/* IFA_F_* */

	/* What a message said, to ask for the same again: nothing is added to it then. */
	bool told;
	struct inet peer, broadcast;	/* family 0: none */
	uint8_t scope;
	uint32_t preferred, valid;	/* seconds */
};

struct rt_route {
	int index;
	int in;				/* RT_ROUTE_GET */
	struct inet to, via;		/* VIA: family 0 for a destination on the link itself */
	struct inet via_other;		/* a message: the next hop is of this other family (RTA_VIA, 5.2) */
	uint32_t table;			/* 0: the main one */
	uint32_t metric;		/* 0: the kernel's choice */
	struct inet source;		/* that is preferred; family 0: none */
	uint8_t protocol, type, scope;
	bool onlink;			/* VIA is on the link, whatever the addresses say */
	bool told;			/* by a message: SCOPE counts */
};

/* A neighbour; or, of family AF_BRIDGE, an entry of a bridge's forwarding database. */
struct rt_neighbour {
	int index;			/* the link; of a bridge: the port */
	int family, master;		/* MASTER: the bridge */
	struct inet address;		/* family 0: none */
	uint8_t mac[6];
	bool has_mac;
	uint16_t state, vlan;		/* NUD_*; VLAN 0: any */
};

/* The VLANs of a port of a bridge. */
struct rt_vlans {
	uint16_t pvid;			/* of frames that come without a tag; 0: such frames are dropped */
	uint8_t member[4096 / 8];
};

enum rt_kind {
	RT_PAIR,		/* make LINK and PEER, in one */
	RT_LINK_ADD,		/* make LINK */
	RT_LINK_SET,		/* change LINK, by its index or, where that is 0, its name */
	RT_LINK_MOVE,		/* LINK to another namespace, by its index, with the name it shall have there */
	RT_LINK_DELETE,
	RT_LINK_GET,
	RT_GROUP_DELETE,	/* every link of group LINK.group: one wait in the kernel for all of them */
	RT_ADDRESS_ADD,
	RT_ADDRESS_DELETE,
	RT_ROUTE_ADD,
	RT_ROUTE_DELETE,
	RT_ROUTE_GET,		/* which way to ROUTE.to, whole, from ROUTE.source (family 0: any): of a UDP packet that
				 * comes in by the link ROUTE.in (0: that is sent here, by ROUTE.index unless 0) */
	RT_NSID_GET,		/* the id that this namespace has for the one behind LINK.netns */
	RT_LINK_DUMP, RT_ADDRESS_DUMP, RT_ROUTE_DUMP,
	RT_NEIGHBOUR_DUMP,	/* of FAMILY (AF_BRIDGE: forwarding databases); PROXY: those that are answered for */
	RT_NEXTHOP_DUMP,	/* nexthop objects, 5.3 */
	RT_RULE_DUMP,		/* of FAMILY */
	RT_QDISC_DUMP,
	RT_CLASS_DUMP, RT_FILTER_DUMP,	/* of the queueing disciplines of LINK; of PARENT there */
	RT_VLAN_DUMP,		/* of all ports of bridges */
	RT_KINDS
};

struct rt_request {
	enum rt_kind kind;
	struct rt_link link, peer;
	struct rt_address address;
	struct rt_route route;
	int family;
	bool proxy;
	uint32_t parent;
	char device[IFNAMSIZ];		/* name of the link of an address or route, for the text */
};

/* Messages one after another, as they are sent. Zeroed is empty. Out of memory sticks as FAILED. */
struct rt_batch {
	char *bytes;
	size_t length, room;
	size_t count;
	bool failed;
};

/* Append the message that asks for REQUEST, with sequence number 0: nl_send() counts. */
void rtmsg_add(struct rt_batch *batch, const struct rt_request *request);
/* Append MESSAGE, which is whole, as it is. */
void rtmsg_add_bytes(struct rt_batch *batch, const struct nlmsghdr *message);
void rtmsg_free(struct rt_batch *batch);
#define _cleanup_batch_ __attribute__((cleanup(rtmsg_free)))

/*
 * The message at MESSAGE as text, as strace(1) names things:
 * {RTM_NEWADDR, NLM_F_REQUEST|NLM_F_CREATE, {AF_INET, ...}, IFA_LOCAL=10.0.0.2}
 */
void rtmsg_print(const struct nlmsghdr *message, struct strbuf *out);

/* The command of iproute2 that asks for the same as REQUEST; nothing where there is none. IP is how ip(8) is run in its
 * namespace: "ip", "ip -n red". */
void rtmsg_like(const struct rt_request *request, const char *ip, struct strbuf *out);

/* What a message of the kernel says. False where it is of another kind, or not whole. */
bool rtmsg_read_link(const struct nlmsghdr *message, struct rt_link *out);
bool rtmsg_read_address(const struct nlmsghdr *message, struct rt_address *out);
bool rtmsg_read_route(const struct nlmsghdr *message, struct rt_route *out);
bool rtmsg_read_neighbour(const struct nlmsghdr *message, struct rt_neighbour *out);
bool rtmsg_read_nsid(const struct nlmsghdr *message, int *out);

/* The VLANs of port INDEX. False where MESSAGE is of another link, or says none. */
bool rtmsg_read_vlans(const struct nlmsghdr *message, int index, struct rt_vlans *out);

/* What an NLMSG_ERROR, or the NLMSG_DONE of a dump, says: an errno (0 for an acknowledgement; EBADMSG where the message
 * is not whole), and the kernel's own text (NETLINK_EXT_ACK), "" where there is none. */
struct rt_refusal {
	int code;
	char text[256];
};
void rtmsg_read_error(const struct nlmsghdr *message, struct rt_refusal *out);

#endif
