#include "tahoe/slot.h"

#include "tests/unit/facts.h"

/* Made by tahoe-lafs 1.20.0, 2 of 3; what is not needed to read is left out. */
#define SDMF_CAP                                                                                   \
	"URI:SSK:5rxalt2fyaldcovdkjtf42egdi:5gct6lci6rvzycpajuyfitv65khkzabrg2x2pulmgoz3g37jq7yq"
#define MDMF_CAP                                                                                   \
	"URI:MDMF:bfgpkup7jtnbklwcxu7243zxsy:dysp4exwjwm57rk3nocdfzktr53tmgjg3oq7l3etws6poct635qa"
#define EMPTY_CAP                                                                                  \
	"URI:SSK:b3zkk5en4xvyuesvjhjlipq72q:j6c7k2caq5enjvk6qnkimfox5mk6mwu2zedkr5zgb3433xgwyf5q"
static const char sdmf_head[] = /* header, public key, signature */
	"000000000000000001e927b83cd782657583daa7f6efd051d7e7520ee695fa6eedfce0e3866262e315b99afa"
	"abe09f20707889727ee49485e70203000000000000001c000000000000001b0000019100000291000002d500"
	"0002f5000000000000030300000000000007c430820122300d06092a864886f70d01010105000382010f0030"
	"82010a0282010100c030ee1fcd33ee325e2439f2e4d0976ec71c68a23391b97ef32db9ed02e44813d7425d4b"
	"7f53b6161996a3e70d274454758ad97ecb566f0e99cfa009392188f2b7b4a6443950bbaa7e3ef5b433f709eb"
	"1e43651e90418efdf2d0f90e1725277bbb6cb4e51ee119784bd25f3063bab9f9427e591f7a9812a3c91bfa8b"
	"a3058dc081848fe4e043b8913c6cd75442fa00719fced9a2ad92a7cd1fd74dd532e8d9a3940e751d48feb16d"
	"754a80860b0cb8671358433d4c89af8d84285ec29c45aa050608c1294e2e59ccc2fcd5a6a23175ce41c30b2e"
	"8db9a3d3be16aec41ebb4d137d62b700045eb07f0d0cea394adf4d0b0da01f73e93d779295c6f8ba94a8ae63"
	"02030100013eb593a7418d74017e803b10cfa8b876bee452b70e81ca3c9b550564b74e9e051107b385ab008c"
	"bf4f4e4ac35d3e9e3761646c09e0bbb19178b0866a326b5e7b9d4a06cdd59f3af6242c839a471a104c37cbc8"
	"a0cb3187527ce18d71faa54912b0be7ec729503d8a8a6cfb7987b11ada5eaccfecb95b4d96b16b9cf1a4dc72"
	"15bd6cb46026ae900d8023185ed4483004d17ad83d2cabb9b2a9713ef535c4a7b3292fc99ec8e201e69ce614"
	"5f5b0ce6945189716046f3f31ba4a0468bbb0c21d19a54d0aefd406b9c3655bfb192e2b6d09e8fc133060877"
	"3437ded6629a6140473fb7cd1e17aba4b6ebeff9d94613e4851537253484843ea955d4cfc84f7c490f";
static const char sdmf_0[] = /* hash chain, hash tree, block */
	"00021be1166a79ae8454c4f4592ffac0730e2c63c8c348c2a0f5dd553fef53183d0d000432b43670f90ecbac"
	"e5a8a6596ea9ac3dc6bbe13c66c5dcddba7e3857d3caeba930b9f3c788e28de706263a9a37c1b000d2b76439"
	"a457ef755067395480104667211d35075270891999dacdbc00b5";
static const char sdmf_1[] = /* hash chain, hash tree, block */
	"00021be1166a79ae8454c4f4592ffac0730e2c63c8c348c2a0f5dd553fef53183d0d000330b9f3c788e28de7"
	"06263a9a37c1b000d2b76439a457ef75506739548010466732b43670f90ecbace5a8a6596ea9ac3dc6bbe13c"
	"66c5dcddba7e3857d3caeba9ae5a5e0574b2abff3f0c9ef33e00";
static const char sdmf_2[] = /* hash chain, hash tree, block */
	"000174ec540f6f0ed0d3aa0b5dee727e5d48c0f6ee08936926347544bd44a57e239000069ed59076b6bee6b7"
	"5864630c3c20cff6934efe03a60a7fd28b69542fb13a68a365b7388c91571d89db98b684c5ad029ed7e7a40b"
	"f6f686a62f65e7fe33b433232293e3031ee9cdc8c86b6b227cc2";
static const char mdmf_head[] =
	"0100000000000000011a197a655eca7eb54d0e2aa5e1bd79569e0c4506c0c80c68aae27b52d92571db020300"
	"00000000020000000000000000001b000000000000007b000000000000053c00000000000005800000000000"
	"00068000000000000007a60000000000000877000000000000089500000000000008b5";
static const char mdmf_key[] = /* signature, public key */
	"b53c7bbd83c7d17dce8952fbad1389d44517ba0eb1bc2d4e05b49dc269cc19d4bd2a961a10714ac79dcbe464"
	"363cbae55439da885554446f6f6512d6b591d1d2d2ac13506945c44200d1134a7fe5d0dd6abeb39a05ce3cb3"
	"de7290bbc62650545de7a9fe7612f88818da7506dca2a2d31b2797fab623b8d374b50ef92c257b716947963d"
	"3b1f3650fcc7299c4dc659050eda7e9cbd17766e8ce5dc1bf53dc19fe9bdf02ee6557b31a26e78e6971c1af4"
	"b70499b6b67b84ff0fe5f529f4422391cdcd42f83e3b94964433f0a92e838c6d38459bdb85b45462da64eef4"
	"48757ab72dda1dae03ef1e2ea95a11e89de1817aef3e1ccad0f101196e685bbb83b787c130820122300d0609"
	"2a864886f70d01010105000382010f003082010a0282010100b838d35a299b43f9eab44ed30f74dbc965511a"
	"a5839b8993889c41d5c30d812f611bdb222c972addfc4e0eb1f27ae3ab9ac4fac2bbba37ba8e1704102d60b8"
	"c9ed5ecd6a0d4d59a295dd407ccc6675ae9f777f15c8da761b30ce67dfe2eb545862b5f5c54c7066cbceb672"
	"68d18873c3c58f61a577bbe5e3fe01dd5a30340349e80c911237da256da76d96671861f083ee5f7befe9dc90"
	"fb369e5872cb0e77a4b6e727a7b4c52c1b55f00dd04de1fdacc4fc7fde0d2cff656b87c9cf2755fcaf28ffe2"
	"3c439d1155f95e5c195f53962f61b2735bb11634a9234a33262200ca503ec989a60b3d6b966a86a435d3f70f"
	"a40eaa46df999ab5ecde1e723977cbbbbf0203010001";
static const char mdmf_0[] = /* hash chain, then salt and block */
	"0002cbe0b00cd2ddd3b76f87f9466349375b7349c44b94e16bf204795681156a9d7d00043ded6417f281e637"
	"9a25867a5796c2e990dd8a0ee4191cb15ce245f42e16cbf02a8a8328d03d1251e8e812d0b29209c2a966a59b"
	"acb1f48c4fb5cc287a7c";
static const char mdmf_2[] = /* hash chain, then salt and block */
	"000174ae7b4de3e1bd0069ab9ed11bcac524248354ca7b68aeafe170c4e8999aa19700069ed59076b6bee6b7"
	"5864630c3c20cff6934efe03a60a7fd28b69542fb13a68a32a8a8328d03d1251e8e812d0b29209c269114d0d"
	"855c0420566ba0d7f584";
/* The same in segments of 12 bytes. */
#define LONG_CAP                                                                                   \
	"URI:MDMF:deuh4mgyi7wjbuon6ngumbn3jq:nsvbki2ocjkwhrtdwudpj6yvejwil2lfjhwoujfpjx6uoduabhja"
static const char long_head[] =
	"0100000000000000010fa3497b5828d24422aea5af8fb84d6e45048d2c38e8fd8cc2f5ebd5279054dd020300"
	"0000000000000c000000000000001b000000000000007b000000000000053d00000000000005810000000000"
	"00068100000000000007a7000000000000087700000000000008b50000000000000995";
static const char long_key[] = /* signature, public key */
	"884682a62f7d3e05b6b4af0b27a6dec8b03dca1844105babb284d9ee72be30c11dc9eb2d1b04f3fb70332800"
	"27f5e5a3667e54cf09a0bcb4998b26c971f51852c4830111733a8f151ace8bcf9d1a433d68915891f22c4cd6"
	"92e2c49550dd9b3a25826c790bf05305805d58e524afbe6fe3b0f6e5937ebdd076da86327bfa1d37169b0bf5"
	"1b8103a23745075e72c9fbfa83edeb795ebc9ba09ec7239b8f2698df035655bc6ca432d78ee0ac71863381fe"
	"af6deb6e3d60e883c4a45417224fbd2828645e92feb52be72b002a50df8a081546180dd7bd1647dc4c6693b7"
	"93e396ac18fb3fe5babaaacaab40af111c4c6b94f965d6699092fcc24abb3443639e25f230820122300d0609"
	"2a864886f70d01010105000382010f003082010a0282010100c205d42bd72d1426ab6f16bed2fcbe2785712b"
	"af97107b6fa015aa00aaf805fb49dd677f635b30e947a50d121c54f517371d880abb3882296699d0ad8c0dfd"
	"67a09f01982f10bcaa6489bb9fcb4f71d1ade887824b92636a1741eb5c84b952f7db9ca32b2b8940cd604f50"
	"298911d9042974c6f32e6e6e8508248e3884b014f2bd22ac758bb6145ca560b779ce4daf48a8da24b8efe8b7"
	"970a4332460d30be1d21892e6dd5d2d8b728388ec5888ebc7ab71c1048b51d6c0006d3598e6937ce2597b0de"
	"1409d97b4bfc33c77262d7205eba6a54fb244c9ff916dd8253a4aeea84e1d4c5a754d4fc2d3c1c86085809fb"
	"1f82d1a36d469e37cbe609d386648559810203010001";
static const char long_0[] = /* hash chain, then salt and block of each segment */
	"00023e9e9dc1c26af3940bcbc3955ea55a70a3f13a25faab8af5a96196bd604682ad0004a660678826903cf3"
	"0f64dc31c4addb1e51d871f0350f0aef8f0ffcafdf3d846b369ccf000e1e15c5eed125bb88a4ecff9d9a878f"
	"c66ebe7521163380982cb11ec9305bf2593f89214303390cf2000425708b8d654ed6a1796e4f6b88e7bb";
static const char long_2[] = /* hash chain, then salt and block of each segment */
	"00019778571946a7f79c03d2a90ff4e48169ae11fd89662a680b096c553666fb6b9d00069ed59076b6bee6b7"
	"5864630c3c20cff6934efe03a60a7fd28b69542fb13a68a3369ccf000e1e15c5eed125bb88a4ecff36fc00f1"
	"58a9be7521163380982cb11ec9305bf2593fbe38f1b19658f2000425708b8d654ed6a1796e4f6b882fd0";
static const char empty_head[] = /* header, public key, signature */
	"000000000000000001a90f0a4986663d54211c46f06b529d6210853bcd6434d75cf39bf0f4fedbde3fb249e9"
	"b9688293ca290c8748b7fb4f730203000000000000000000000000000000000000019100000291000002d500"
	"0002f500000000000002f500000000000007b730820122300d06092a864886f70d01010105000382010f0030"
	"82010a0282010100f190032a36a1d5d833c99abb8d85a05c4307db5659510cbfc4629925685d839884602c6f"
	"a9429d5718fe184b0d094396c3ebafe43882e4ee012c66f57fda7d9bca2dbdf54263584f9fc639f5ab5b0679"
	"125aeb277375540d2075c351921ebf22726c7fa5f41aff2ca5490b89f51236c65a7e588f5349859b93fb154f"
	"7fad2f25a9536960e7f1dde8535c9841f64e27ade75c89c01dab6f1bf598b2401a477b1f4a52b9911df0e685"
	"f3c78bb47e4356e4a49842968777be4edc73af5aad5967d7aea01c4b6663b74b936fe46f23b8821ca691c4bf"
	"350f95b5e76b47b275b26f162d90f87acdba61a97f6fa6e5830f86eba1c56bb9e9fba6d5eaccd3fa7fae0553"
	"0203010001d3bb00839cd33c0e28a6e2131b8fb369fb701e31c4a16cf1d9a208945de20db57975520328f09d"
	"c61bff85a419f4ae07adad0e9511ab3096c1bf32a70fb439c583efade76ac9c45be6feed4701d40e485ec0e2"
	"040c4f75bfcd4b080d587c46beaaa1800ced9cba880beb20ed4326129066777bebf8418b0327aa24907d02e4"
	"ea2060721edfaccdc88e5dde775a49d8a29683009b4ca4213263d1a02e605111211286515b18625cfac61c3b"
	"2626e468251a5a1e0985efe31e6c0b168b8bde12e5bbb6295a7ce62b531ac2dc32da0c6576628606e412092d"
	"19648f492e7cb1b9cd321d4b24616b40a98a7cf14b98023810d66b7c3654d338a773230d7ce1cb53ff";
static const char empty_1[] = /* hash chain, hash tree, block */
	"00029fa6c3243439b3eb1568bb32bb57d3894a730c5be177fddb1a8fa266a1383fd00003e0024730188e2de5"
	"64a697cc2987407b24ae7eb6b880190c1a0337a5740e527ae0024730188e2de564a697cc2987407b24ae7eb6"
	"b880190c1a0337a5740e527a";

#define CONTENTS "the contents of a directory"

enum { SHARE_MAX = 4096, MAX = 1 << 20 };

/* A share as it lies at a server, as far as it is read. */
struct sample {
	unsigned char data[SHARE_MAX];
	size_t size;
};

static void put(struct sample *sample, size_t at, const char *hex, size_t from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char digits[] = { hex[2 * (from + i)], hex[2 * (from + i) + 1], '\0' };
		sample->data[at + i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	sample->size = at + count > sample->size ? at + count : sample->size;
}

static struct sample sdmf(const char *head, const char *rest)
{
	struct sample sample = { .size = 0 };
	put(&sample, 0, head, 0, strlen(head) / 2);
	put(&sample, sample.size, rest, 0, strlen(rest) / 2);
	return sample;
}

/* The offsets of an MDMF share are in its header. */
static struct sample mdmf(const char *head, const char *key, const char *rest)
{
	struct sample sample = { .size = 0 };
	struct slot_share share;
	struct err err;
	put(&sample, 0, head, 0, strlen(head) / 2);
	assert_int_equal(slot_share_read(sample.data, sample.size, MAX, &share, &err), FAULT_NONE);
	put(&sample, share.chain.offset, rest, 0, share.chain.size);
	put(&sample, share.signature.offset, key, 0, strlen(key) / 2);
	put(&sample, share.blocks.offset, rest, share.chain.size, share.blocks.size);
	return sample;
}

static struct slot_share read_share(const struct sample *sample, unsigned number)
{
	struct slot_share share;
	struct err err;
	assert_int_equal(slot_share_read(sample->data, sample->size, MAX, &share, &err),
			 FAULT_NONE);
	share.number = number;
	return share;
}

static struct cap parse(const char *text)
{
	struct cap cap;
	assert_int_equal(cap_parse(text, strlen(text), &cap, NULL), FAULT_NONE);
	return cap;
}

static bool is_proven(const struct cap *cap, const struct slot_share *share)
{
	struct err err;
	return !slot_prove_version(cap, share, &err) && !slot_prove_blocks(share, &err);
}

static void assert_contents(const char *text, const struct slot_share share[2], const char *what)
{
	struct bytes out;
	struct err err;
	struct cap cap = parse(text), readonly;
	assert_true(cap_to_readonly(&cap, &readonly));
	for (unsigned i = 0; i < 2; i++)
		assert_true(is_proven(&readonly, &share[i]));
	bytes_init(&out, MAX);
	assert_int_equal(slot_decode(&readonly, share, &out, &err), FAULT_NONE);
	assert_int_equal(slot_decode(&cap, share, &out, &err), FAULT_NONE);
	assert_int_equal(out.size, 2 * strlen(what));
	assert_memory_equal(bytes_text(&out), what, strlen(what));
	bytes_fini(&out);
}

static void any_k_shares_give_the_contents(void **state)
{
	(void)state;
	const struct sample sample[] = { sdmf(sdmf_head, sdmf_0), sdmf(sdmf_head, sdmf_1),
					 sdmf(sdmf_head, sdmf_2) };
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++) {
			const struct slot_share share[] = { read_share(&sample[a], a),
							    read_share(&sample[b], b) };
			if (a == b)
				continue;
			assert_contents(SDMF_CAP, share, CONTENTS);
			assert_false(share[0].version.mdmf);
			assert_int_equal(share[0].version.sequence, 1);
			assert_int_equal(share[0].version.needed, 2);
			assert_int_equal(share[0].version.total, 3);
			assert_true(slot_same_version(&share[0].version, &share[1].version));
		}
}

static void segments_have_salts_of_their_own(void **state)
{
	(void)state;
	const struct sample zero = mdmf(mdmf_head, mdmf_key, mdmf_0),
			    two = mdmf(mdmf_head, mdmf_key, mdmf_2);
	const struct slot_share share[] = { read_share(&zero, 0), read_share(&two, 2) };
	assert_true(share[0].version.mdmf);
	assert_contents(MDMF_CAP, share, CONTENTS);
}

static void segments_follow_each_other(void **state)
{
	(void)state;
	const struct cap cap = parse(LONG_CAP);
	struct sample zero = mdmf(long_head, long_key, long_0);
	const struct sample two = mdmf(long_head, long_key, long_2);
	const struct slot_share share[] = { read_share(&zero, 0), read_share(&two, 2) };
	struct err err;
	assert_int_equal(share[0].version.segment_size, 12);
	assert_contents(LONG_CAP, share, CONTENTS);
	for (uint64_t i = 0; i < share[0].blocks.size; i++) {
		unsigned char *at = zero.data + share[0].blocks.offset + i;
		*at ^= 1;
		assert_int_equal(slot_prove_version(&cap, &share[0], &err), FAULT_NONE);
		assert_int_equal(slot_prove_blocks(&share[0], &err), FAULT_CORRUPT);
		*at ^= 1;
	}
}

static void an_empty_one_has_no_blocks(void **state)
{
	(void)state;
	const struct sample sample = sdmf(empty_head, empty_1);
	const struct slot_share share[] = { read_share(&sample, 1), read_share(&sample, 0) };
	assert_contents(EMPTY_CAP, share, "");
}

/* Nobody looks at the stored hash tree, nor at where all of it ends. */
static void a_flipped_bit_is_seen(void **state)
{
	(void)state;
	const struct cap cap = parse(SDMF_CAP);
	struct sample sample = sdmf(sdmf_head, sdmf_1);
	const struct slot_share whole = read_share(&sample, 1);
	size_t passed = 0;
	assert_true(is_proven(&cap, &whole));
	for (size_t at = 0; at < sample.size; at++) {
		struct slot_share share;
		struct err err;
		sample.data[at] ^= 1;
		const bool proven = !slot_share_read(sample.data, sample.size, MAX, &share, &err) &&
				    (share.number = 1, is_proven(&cap, &share));
		sample.data[at] ^= 1;
		passed += proven;
		if (proven && (at < 99 || at >= 107))
			assert_in_range(at, whole.chain.offset + whole.chain.size,
					whole.blocks.offset - 1);
	}
	assert_int_equal(passed, DIGEST_SIZE + 8);
}

static void a_share_belongs_to_its_number_and_cap(void **state)
{
	(void)state;
	const struct sample sample = sdmf(sdmf_head, sdmf_1);
	struct slot_share share = read_share(&sample, 1);
	const struct cap other = parse(EMPTY_CAP);
	struct err err;
	assert_int_equal(slot_prove_version(&other, &share, &err), FAULT_CORRUPT);
	share.number = 0;
	assert_int_equal(slot_prove_blocks(&share, &err), FAULT_CORRUPT);
	share.number = 3; /* of 3 */
	assert_int_equal(slot_prove_blocks(&share, &err), FAULT_CORRUPT);
}

static void a_short_share_is_not_read_beyond_its_end(void **state)
{
	(void)state;
	const struct cap cap = parse(SDMF_CAP);
	const struct sample sample = sdmf(sdmf_head, sdmf_1);
	for (size_t size = 0; size < sample.size; size++) {
		unsigned char *cut = malloc(size ? size : 1); /* its end is watched */
		struct slot_share share;
		struct err err;
		memcpy(cut, sample.data, size);
		if (!slot_share_read(cut, size, MAX, &share, &err))
			assert_false(is_proven(&cap, &share));
		free(cut);
	}
}

static void headers_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		unsigned char value[8];
		size_t size;
	} odd[] = {
		{ 0, { 2 }, 1 },                 /* a version nobody knows */
		{ 57, { 0 }, 1 },                /* k */
		{ 57, { 4 }, 1 },                /* k above n */
		{ 66, { 27 }, 1 },               /* a segment size that is no multiple of k */
		{ 66, { 0 }, 1 },                /* no segment size */
		{ 67, { 0, 0, 1 }, 3 },          /* a size above the limit */
		{ 74, { 29 }, 1 },               /* of more than one segment */
		{ 75, { 0, 0, 0, 5 }, 4 },       /* a key before the end of the header */
		{ 75, { 0xff, 0xff }, 2 },       /* parts that end before they begin */
		{ 87, { 0, 0, 0, 0 }, 4 },       /* blocks before the tree */
		{ 91, { 0xff, 0xff, 0xff }, 3 }, /* an end beyond everything */
	};
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		struct sample sample = sdmf(sdmf_head, sdmf_1);
		struct slot_share share;
		struct err err;
		memcpy(sample.data + odd[i].at, odd[i].value, odd[i].size);
		assert_int_not_equal(slot_share_read(sample.data, sample.size, MAX, &share, &err),
				     FAULT_NONE);
	}
}

/* A share may be twice as large as a file may be, which it is not to be either. */
static void sizes_are_limited(void **state)
{
	(void)state;
	const struct sample samples[] = { sdmf(sdmf_head, sdmf_1),
					  mdmf(mdmf_head, mdmf_key, mdmf_0) };
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		const unsigned char *data = samples[i].data;
		struct slot_share share = read_share(&samples[i], 1);
		const uint64_t least = (share.whole + 1) / 2, size = share.version.data_size;
		struct err err;
		assert_int_equal(slot_share_read(data, samples[i].size, least, &share, &err),
				 FAULT_NONE);
		assert_int_equal(slot_share_read(data, samples[i].size, least - 1, &share, &err),
				 FAULT_CORRUPT);
		assert_int_equal(slot_share_read(data, samples[i].size, size, &share, &err),
				 FAULT_CORRUPT);
		assert_int_equal(slot_share_read(data, samples[i].size, size - 1, &share, &err),
				 FAULT_TOO_LARGE);
	}
}

/* The numbers of an MDMF header that cannot be: by the offset of the field of 8 bytes. */
static void parts_in_another_order_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		unsigned char low[2]; /* the last two bytes of the field */
	} odd[] = {
		{ 67, { 0x00, 122 } },   /* a chain before the end of the header */
		{ 75, { 0x05, 0x3b } },  /* a signature before the chain */
		{ 83, { 0x05, 0x7f } },  /* a key before the signature */
		{ 91, { 0x06, 0x00 } },  /* a key that ends before it begins */
		{ 91, { 0x08, 0x78 } },  /* blocks before the end of the key */
		{ 99, { 0x08, 0x78 } },  /* fewer bytes of blocks than there are */
		{ 107, { 0x08, 0x96 } }, /* and more */
	};
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		struct sample sample = mdmf(mdmf_head, mdmf_key, mdmf_0);
		struct slot_share share;
		struct err err;
		memcpy(sample.data + odd[i].at + 6, odd[i].low, 2);
		assert_int_equal(slot_share_read(sample.data, sample.size, MAX, &share, &err),
				 FAULT_CORRUPT);
	}
	struct sample sample = mdmf(mdmf_head, mdmf_key, mdmf_0);
	sample.data[91 + 6] = 0x08;
	sample.data[91 + 7] = 0x77; /* a key that ends where the blocks begin */
	(void)read_share(&sample, 0);
}

static void a_header_has_to_be_there(void **state)
{
	(void)state;
	const struct sample samples[] = { sdmf(sdmf_head, sdmf_1),
					  mdmf(mdmf_head, mdmf_key, mdmf_0) };
	static const size_t least[] = { 107, 123 };
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		struct slot_share share;
		struct err err;
		assert_int_equal(slot_share_read(samples[i].data, least[i], MAX, &share, &err),
				 FAULT_NONE);
		assert_int_equal(slot_share_read(samples[i].data, least[i] - 1, MAX, &share, &err),
				 FAULT_CORRUPT);
	}
}

static void versions_have_an_order(void **state)
{
	(void)state;
	const struct slot_version first = { .sequence = 1, .root = { 2 } };
	const struct slot_version later = { .sequence = 2, .root = { 1 } };
	const struct slot_version beside = { .sequence = 1, .root = { 3 } };
	assert_true(slot_compare(&first, &later) < 0);
	assert_true(slot_compare(&later, &beside) > 0);
	assert_true(slot_compare(&first, &beside) < 0);
	assert_int_equal(slot_compare(&first, &first), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_k_shares_give_the_contents),
		cmocka_unit_test(segments_have_salts_of_their_own),
		cmocka_unit_test(segments_follow_each_other),
		cmocka_unit_test(an_empty_one_has_no_blocks),
		cmocka_unit_test(a_flipped_bit_is_seen),
		cmocka_unit_test(a_share_belongs_to_its_number_and_cap),
		cmocka_unit_test(a_short_share_is_not_read_beyond_its_end),
		cmocka_unit_test(headers_that_cannot_be_are_refused),
		cmocka_unit_test(sizes_are_limited),
		cmocka_unit_test(parts_in_another_order_are_refused),
		cmocka_unit_test(a_header_has_to_be_there),
		cmocka_unit_test(versions_have_an_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
