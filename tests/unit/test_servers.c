#include "node/servers.h"

#include "tests/unit/facts.h"
#include "tests/unit/node_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#define KEY_A     "v0-txh6fh3y4t3gnoshsusd576w6275v7jmzzgchumgifiu4uvtp63a"
#define KEY_B     "v0-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"
#define OTHER_KEY "v1-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"
#define HASH      "6OKNU-mbC--1cTpaOfHKpMG2AQuqUHZV00A53dPzMII"
#define NURL      "pb://" HASH "@127.0.0.1:21907/cpkxtgsgansjaodht65h4fdmbbhg6uj4#v=1"

/* One element of a cache: a server and its NURLs, which may need quotes. */
#define ELEMENT(key, nurls)                                                                        \
	"- ann: {anonymous-storage-NURLs: [" nurls "], service-name: storage}\n  key_s: " key "\n"

#define CACHE "private/introducer_default_cache.yaml"

static void put(const char *directory, const char *name, const char *text)
{
	node_folder_put(directory, name, text, 0600);
}

static struct servers load(const char *directory)
{
	struct servers servers;
	struct err err;
	assert_int_equal(servers_load(&servers, directory, &err), FAULT_NONE);
	return servers;
}

static size_t count_of(const char *directory)
{
	struct servers servers = load(directory);
	const size_t count = servers.count;
	servers_fini(&servers);
	return count;
}

static size_t count_with(const char *directory, const char *cache)
{
	put(directory, CACHE, cache);
	return count_of(directory);
}

static void reads_what_a_node_writes(void **state)
{
	put(*state, CACHE,
	    "- ann:\n"
	    "    anonymous-storage-FURL: pb://4u53u7jxf5v7g36jjq46374j55gmupge@tcp:127.0.0.1:21907/"
	    "cpkxtgsgansjaodht65h4fdmbbhg6uj4\n"
	    "    anonymous-storage-NURLs:\n"
	    "    - " NURL "\n"
	    "    nickname: ''\n"
	    "    permutation-seed-base32: or4gqntgnazxsndugntw433tnbzxk43egu3tm5zwgi3tk5rxnjwxu6thm"
	    "nuhk3lhnftgs5juov3hi4bwgnqq\n"
	    "    service-name: storage\n"
	    "    version: 0\n"
	    "  key_s: " KEY_A "\n");
	struct servers servers = load(*state);
	assert_int_equal(servers.count, 1);
	const struct server *server = &servers.server[0];
	assert_string_equal(server->url, "https://127.0.0.1:21907/");
	assert_string_equal(server->pin, "sha256//6OKNU+mbC++1cTpaOfHKpMG2AQuqUHZV00A53dPzMII=");
	assert_string_equal(server->authorization,
			    "Tahoe-LAFS Y3BreHRnc2dhbnNqYW9kaHQ2NWg0ZmRtYmJoZzZ1ajQ=");
	assert_int_equal(server->seed_size, 52);
	assert_memory_equal(server->seed, "txh6fh3y4t3gnoshsusd576w6275v7jmzzgchumgifiu4uvtp63a",
			    52);
	servers_fini(&servers);
	assert_null(servers.server);
	assert_int_equal(servers.count, 0);
	servers_fini(&servers);
	servers_fini(NULL);
}

static void the_key_is_the_seed_where_there_is_none(void **state)
{
	put(*state, CACHE, ELEMENT(KEY_B, NURL));
	struct servers servers = load(*state);
	assert_int_equal(servers.count, 1);
	assert_int_equal(servers.server[0].seed_size, 32);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(servers.server[0].seed[i], i);
	servers_fini(&servers);
	assert_int_equal(count_with(*state, ELEMENT("v0-aaaq", NURL)), 0);
	assert_int_equal(count_with(*state, ELEMENT(OTHER_KEY, NURL)), 0);
	assert_int_equal(count_with(*state, ELEMENT(KEY_B "q", NURL)), 0);
	assert_int_equal(count_with(*state,
				    "- ann: {service-name: storage, permutation-seed-base32: aaaq, "
				    "anonymous-storage-NURLs: [" NURL "]}\n  key_s: short\n"),
			 1);
}

static void takes_a_server_of_several_files_once(void **state)
{
	put(*state, "private/introducer_b_cache.yaml",
	    ELEMENT(KEY_A, "pb://" HASH "@late:1/s#v=1") ELEMENT(KEY_B, NURL));
	put(*state, "private/introducer_a_cache.yaml",
	    ELEMENT(KEY_B, "") ELEMENT(KEY_A, "pb://" HASH "@early:1/s#v=1")
		    ELEMENT(KEY_A, "pb://" HASH "@again:1/s#v=1"));
	put(*state, "private/introducer_cache.yaml", "not read");
	struct servers servers = load(*state);
	assert_int_equal(servers.count, 2);
	assert_string_equal(servers.server[0].url, "https://early:1/");
	assert_string_equal(servers.server[1].url, "https://127.0.0.1:21907/");
	servers_fini(&servers);
}

static void what_is_configured_hides_what_is_announced(void **state)
{
	put(*state, CACHE, ELEMENT(KEY_A, NURL) ELEMENT(KEY_B, NURL));
	put(*state, "private/servers.yaml",
	    "storage:\n  " KEY_A ":\n    ann:\n      anonymous-storage-NURLs:\n"
	    "      - pb://" HASH "@mine:1/s#v=1\n");
	struct servers servers = load(*state);
	assert_int_equal(servers.count, 2);
	assert_false(servers.partial);
	assert_string_equal(servers.server[0].url, "https://mine:1/");
	assert_string_equal(servers.server[1].url, "https://127.0.0.1:21907/");
	servers_fini(&servers);
	/* One that is meant to be reached through Tor only is not reached otherwise. */
	put(*state, "private/servers.yaml",
	    "storage: {" KEY_A ": {ann: {anonymous-storage-NURLs: ['pb+tor://" HASH
	    "@a.onion:1/s#v=1']}}}\n");
	servers = load(*state);
	assert_int_equal(servers.count, 1);
	assert_true(servers.partial);
	assert_string_equal(servers.server[0].url, "https://127.0.0.1:21907/");
	servers_fini(&servers);
	static const char *const none[] = { "{}", "storage:\n", "other: [1]\n", "# nothing\n" };
	for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
		put(*state, "private/servers.yaml", none[i]);
		assert_int_equal(count_of(*state), 2);
	}
}

static void the_first_nurl_of_use_counts(void **state)
{
	put(*state, CACHE,
	    ELEMENT(KEY_A, "'pb+tor://" HASH "@a.onion:1/s#v=1', {}, 'pb://" HASH
			   "@[2001:db8::1]:65535/first#v=1', " NURL));
	struct servers servers = load(*state);
	assert_int_equal(servers.count, 1);
	assert_string_equal(servers.server[0].url, "https://[2001:db8::1]:65535/");
	assert_string_equal(servers.server[0].authorization, "Tahoe-LAFS Zmlyc3Q=");
	servers_fini(&servers);
}

/* Each leaves out what is odd and takes the sound server behind it. */
static void leaves_out_what_makes_no_sense(void **state)
{
	static const char *const odd[] = {
		ELEMENT(KEY_A, ""),
		"- ann: {service-name: storage}\n  key_s: " KEY_A "\n",
		"- ann: {service-name: stub_client, anonymous-storage-NURLs: [" NURL "]}\n"
		"  key_s: " KEY_A "\n",
		"- ann: {anonymous-storage-NURLs: [" NURL "]}\n  key_s: " KEY_A "\n",
		"- ann: {service-name: storage, anonymous-storage-NURLs: " NURL "}\n"
		"  key_s: " KEY_A "\n",
		"- ann: {service-name: storage, anonymous-storage-NURLs: {" NURL ": b}}\n"
		"  key_s: " KEY_A "\n",
		"- [key_s, " KEY_A ", ann, {service-name: storage, anonymous-storage-NURLs: [" NURL
		"]}]\n",
		"- ann: [storage]\n  key_s: " KEY_A "\n",
		"- key_s: " KEY_A "\n",
		"- ann: {service-name: storage, anonymous-storage-NURLs: [" NURL "]}\n",
		ELEMENT("[" KEY_A "]", NURL),
		"- ann: {service-name: storage, permutation-seed-base32: aaaq, "
		"anonymous-storage-NURLs: [" NURL "]}\n  key_s: ''\n",
		"- ann: {service-name: storage, permutation-seed-base32: aaaq, "
		"anonymous-storage-NURLs: [" NURL "]}\n  key_s: \"v0-\\e[2J\"\n",
		"- text\n- [list]\n- ~\n- {? {} : []}\n",
	};
	char cache[1000];
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		snprintf(cache, sizeof cache, "%s%s", odd[i], ELEMENT(KEY_B, NURL));
		if (count_with(*state, cache) != 1)
			fail_msg("not one server with %s", odd[i]);
	}
}

static void the_last_of_equal_members_counts_and_256_are_looked_at(void **state)
{
	assert_int_equal(count_with(*state,
				    "- ann: {service-name: x, anonymous-storage-NURLs: [" NURL
				    "], service-name: storage}\n  key_s: " KEY_B "\n"),
			 1);
	for (int others = 255; others <= 256; others++) {
		char cache[1000];
		size_t size = (size_t)snprintf(cache, sizeof cache,
					       "- key_s: " KEY_B "\n  ann: {service-name: storage, "
					       "anonymous-storage-NURLs: [");
		for (int i = 0; i < others; i++, size += 2)
			memcpy(cache + size, "x,", 2);
		snprintf(cache + size, sizeof cache - size, NURL "]}\n");
		assert_int_equal(count_with(*state, cache), others == 255);
	}
}

static void half_a_surrogate_pair_spoils_nothing(void **state)
{
	assert_int_equal(count_with(*state, "- ann: {nickname: \"a\\uD800\\uDfffb\"}\n"
					    "  key_s: x\n" ELEMENT(KEY_B, NURL)),
			 1);
}

static void aliases_are_neither_expanded_nor_followed_in_circles(void **state)
{
	assert_int_equal(count_with(*state, "- &a [*a, *a]\n"
					    "- &b {ann: *b, key_s: " KEY_A ", *b : *b}\n"
					    "- &c {ann: {service-name: storage, "
					    "anonymous-storage-NURLs: &d [*c, *d, " NURL "]}, "
					    "key_s: " KEY_B "}\n"
					    "- *c\n- *a\n"),
			 1);
	assert_int_equal(count_with(*state, "&top [*top, *top]\n"), 0);
	char laughs[4000] = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n";
	size_t size = strlen(laughs);
	for (int i = 1; i < 40; i++) {
		size += (size_t)snprintf(laughs + size, sizeof laughs - size, "- &a%d [", i);
		for (int j = 0; j < 10; j++)
			size += (size_t)snprintf(laughs + size, sizeof laughs - size, "*a%d,",
						 i - 1);
		size += (size_t)snprintf(laughs + size, sizeof laughs - size, "]\n");
	}
	snprintf(laughs + size, sizeof laughs - size, "%s", ELEMENT(KEY_B, NURL));
	assert_int_equal(count_with(*state, laughs), 1);
	put(*state, "private/servers.yaml", "&top {storage: *top}\n");
	assert_int_equal(count_of(*state), 1);
}

static void the_number_of_servers_is_limited(void **state)
{
	enum { ONE = 300 };
	char *cache = calloc(SERVERS_MAX + 2, ONE);
	assert_non_null(cache);
	size_t size = 0;
	for (int i = 0; i < SERVERS_MAX + 2; i++)
		size += (size_t)snprintf(cache + size, ONE,
					 "- ann: {anonymous-storage-NURLs: [" NURL
					 "], service-name: storage, "
					 "permutation-seed-base32: aaaq}\n  key_s: k%d\n",
					 i);
	assert_int_equal(count_with(*state, cache), SERVERS_MAX);
	free(cache);
}

static void names_a_file_that_is_no_list(void **state)
{
	static const char *const bad[] = { "- [broken\n",  "a: b\n",       "text\n",
					   "- \"\\uZ\"\n", "- *unknown\n", "\x01" };
	struct servers servers;
	struct err err;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		put(*state, CACHE, bad[i]);
		assert_int_equal(servers_load(&servers, *state, &err), FAULT_CORRUPT);
		assert_non_null(strstr(err.text, "/" CACHE));
		assert_non_null(strstr(err.text, "--no-direct"));
		assert_null(servers.server);
	}
	put(*state, CACHE, ELEMENT(KEY_A, NURL) "- [broken\n");
	assert_int_equal(servers_load(&servers, *state, &err), FAULT_CORRUPT);
	static const char *const wrong[] = { "[]", "text", "storage: [a]\n", "storage: {\n" };
	put(*state, CACHE, "");
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		put(*state, "private/servers.yaml", wrong[i]);
		assert_int_equal(servers_load(&servers, *state, &err), FAULT_CORRUPT);
		assert_non_null(strstr(err.text, "/private/servers.yaml"));
	}
}

/* Each would keep libyaml busy for minutes. */
static void refuses_what_is_too_deep_or_has_too_many_anchors(void **state)
{
	enum { DEEP = 200 * 1000, ANCHORS = 100 * 1000, ONE = 20 };
	char *cache = malloc(ANCHORS * ONE);
	struct servers servers;
	struct err err;
	assert_non_null(cache);
	memset(cache, '[', DEEP);
	cache[DEEP] = '\0';
	put(*state, CACHE, cache);
	assert_int_equal(servers_load(&servers, *state, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "/" CACHE));
	size_t size = 0;
	for (int i = 0; i < ANCHORS; i++)
		size += (size_t)snprintf(cache + size, ONE, "- &a%d x\n", i);
	put(*state, CACHE, cache);
	assert_int_equal(servers_load(&servers, *state, &err), FAULT_CORRUPT);
	free(cache);
}

static void refuses_a_file_that_is_too_large_or_open_to_everybody(void **state)
{
	struct servers servers;
	struct err err;
	char path[200];
	snprintf(path, sizeof path, "%s/" CACHE, (char *)*state);
	put(*state, CACHE, ELEMENT(KEY_A, NURL));
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(servers_load(&servers, *state, &err), FAULT_INSECURE);
	assert_null(servers.server);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(count_of(*state), 1);
	assert_int_equal(truncate(path, 16 * 1024 * 1024 + 1), 0);
	assert_int_equal(servers_load(&servers, *state, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "/" CACHE));
}

static void without_files_there_are_no_servers(void **state)
{
	char path[200];
	assert_int_equal(count_of(*state), 0);
	assert_int_equal(count_with(*state, ""), 0);
	assert_int_equal(count_with(*state, "[]\n"), 0);
	snprintf(path, sizeof path, "%s/private", (char *)*state);
	assert_int_equal(count_of(path), 0);
	assert_int_equal(count_of("/nowhere/at/all"), 0);
}

/* Expected: sorted(range(5), key=lambda i: hashlib.sha1(index + seed[i]).digest()) in Python. */
static void orders_by_a_hash_of_index_and_seed(void **state)
{
	(void)state;
	struct server list[6] = { { .seed = "alpha", .seed_size = 5 },
				  { .seed = "bravo-bravo", .seed_size = 11 },
				  { .seed_size = 32 },
				  { .seed_size = 52 },
				  { .seed_size = 128 },
				  { .seed = "alpha", .seed_size = 5 } };
	unsigned char up[16], down[16];
	for (size_t i = 0; i < 32; i++)
		list[2].seed[i] = (unsigned char)i;
	memset(list[3].seed, 'd', 52);
	memset(list[4].seed, 0xFF, 128);
	for (size_t i = 0; i < 16; i++) {
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)(255 - i);
	}
	const uint16_t of_up[] = { 3, 2, 1, 4, 0, 5 }, of_down[] = { 0, 5, 4, 2, 3, 1 };
	const struct servers servers = { .server = list, .count = 6 };
	uint16_t order[6];
	servers_order(&servers, up, order);
	assert_memory_equal(order, of_up, sizeof order);
	servers_order(&servers, down, order);
	assert_memory_equal(order, of_down, sizeof order);
	servers_order(&(struct servers){ .count = 0 }, up, NULL);
}

#define IN_DIRECTORY(fact)                                                                         \
	cmocka_unit_test_setup_teardown(fact, node_folder_setup, node_folder_teardown)

int main(void)
{
	const struct CMUnitTest facts[] = {
		IN_DIRECTORY(reads_what_a_node_writes),
		IN_DIRECTORY(the_key_is_the_seed_where_there_is_none),
		IN_DIRECTORY(takes_a_server_of_several_files_once),
		IN_DIRECTORY(what_is_configured_hides_what_is_announced),
		IN_DIRECTORY(the_first_nurl_of_use_counts),
		IN_DIRECTORY(leaves_out_what_makes_no_sense),
		IN_DIRECTORY(the_last_of_equal_members_counts_and_256_are_looked_at),
		IN_DIRECTORY(half_a_surrogate_pair_spoils_nothing),
		IN_DIRECTORY(aliases_are_neither_expanded_nor_followed_in_circles),
		IN_DIRECTORY(the_number_of_servers_is_limited),
		IN_DIRECTORY(names_a_file_that_is_no_list),
		IN_DIRECTORY(refuses_what_is_too_deep_or_has_too_many_anchors),
		IN_DIRECTORY(refuses_a_file_that_is_too_large_or_open_to_everybody),
		IN_DIRECTORY(without_files_there_are_no_servers),
		cmocka_unit_test(orders_by_a_hash_of_index_and_seed),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
