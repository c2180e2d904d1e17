/* SPDX-License-Identifier: GPL-2.0 */
/* The type of an address: since 6.19, kernel_bind() and kernel_connect() take sockaddr_unsized */
#ifndef _SCOPEX_COMPAT_SOCKET_H
#define _SCOPEX_COMPAT_SOCKET_H

#include <linux/socket.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define scopex_sockaddr(address)	((struct sockaddr *)(address))
#else
#define scopex_sockaddr(address)	((struct sockaddr_unsized *)(address))
#endif

#endif /* _SCOPEX_COMPAT_SOCKET_H */
