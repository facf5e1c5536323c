//! RFC 6229: every key of its section 2, at every offset that it lists.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use pns::mppe::rc4::Rc4;

/// Where in the keystream the sixteen bytes of each line are.
const OFFSETS: [usize; 18] = [
    0, 16, 240, 256, 496, 512, 752, 768, 1008, 1024, 1520, 1536, 2032, 2048, 3056, 3072, 4080, 4096,
];

fn check<const N: usize>(key: &str, lines: [u128; 18]) {
    let key: [u8; N] = std::array::from_fn(|place| {
        u8::from_str_radix(&key[2 * place..2 * place + 2], 16).unwrap()
    });
    let mut keystream = [0u8; 4112];
    Rc4::new(&key).apply(&mut keystream);
    for (offset, line) in OFFSETS.into_iter().zip(lines) {
        assert_eq!(
            keystream[offset..offset + 16],
            line.to_be_bytes(),
            "offset {offset}"
        );
    }
}

#[test]
fn section_2_counting_key_of_40_bits() {
    check::<5>(
        "0102030405",
        [
            0xb2396305_f03dc027_ccc3524a_0a1118a8,
            0x6982944f_18fc82d5_89c403a4_7a0d0919,
            0x28cb1132_c96ce286_421dcaad_b8b69eae,
            0x1cfcf62b_03eddb64_1d77dfcf_7f8d8c93,
            0x42b7d0cd_d918a8a3_3dd51781_c81f4041,
            0x64598444_32a7da92_3cfb3eb4_980661f6,
            0xec10327b_de2beefd_18f92776_80457e22,
            0xeb62638d_4f0ba1fe_9fca20e0_5bf8ff2b,
            0x45129048_e6a0ed0b_56b49033_8f078da5,
            0x30abbcc7_c20b0160_9f23ee2d_5f6bb7df,
            0x3294f744_d8f97905_07e70f62_e5bbceea,
            0xd8729db4_1882259b_ee4f8253_25f5a130,
            0x1eb14a0c_13b3bf47_fa2a0ba9_3ad45b8b,
            0xcc582f8b_a9f265e2_b1be9112_e975d2d7,
            0xf2e30f9b_d102ecbf_75aaade9_bc35c43c,
            0xec0e11c4_79dc329d_c8da7968_fe965681,
            0x068326a2_118416d2_1f9d04b2_cd1ca050,
            0xff25b589_95996707_e51fbdf0_8b34d875,
        ],
    );
}

#[test]
fn section_2_counting_key_of_56_bits() {
    check::<7>(
        "01020304050607",
        [
            0x293f02d4_7f37c9b6_33f2af52_85feb46b,
            0xe620f139_0d19bd84_e2e0fd75_2031afc1,
            0x914f0253_1c921881_0df60f67_e338154c,
            0xd0fdb583_073ce85a_b8391774_0ec011d5,
            0x75f81411_e871cffa_70b90c74_c592e454,
            0x0bb87202_938dad60_9e87a5a1_b079e5e4,
            0xc2911246_b612e7e7_b903dfed_a1dad866,
            0x32828f91_502b6291_368de808_1de36fc2,
            0xf3b9a7e3_b297bf9a_d804512f_9063eff1,
            0x8ecb67a9_ba1f55a5_a067e2b0_26a3676f,
            0xd2aa902b_d42d0d7c_fd340cd4_5810529f,
            0x78b272c9_6e42eab4_c60bd914_e39d06e3,
            0xf4332fd3_1a079396_ee3cee3f_2a4ff049,
            0x05459781_d41fda7f_30c1be7e_1246c623,
            0xadfd3868_b8e51485_d5e61001_7e3dd609,
            0xad26581c_0c5be45f_4cea01db_2f3805d5,
            0xf3172cef_fc3b3d99_7c85ccd5_af1a950c,
            0xe74b0b97_31227fd3_7c0ec08a_47ddd8b8,
        ],
    );
}

#[test]
fn section_2_counting_key_of_64_bits() {
    check::<8>(
        "0102030405060708",
        [
            0x97ab8a1b_f0afb961_32f2f672_58da15a8,
            0x8263efdb_45c4a186_84ef87e6_b19e5b09,
            0x9636ebc9_841926f4_f7d1f362_bddf6e18,
            0xd0a990ff_2c05fef5_b90373c9_ff4b870a,
            0x73239f1d_b7f41d80_b643c0c5_2518ec63,
            0x163b3199_23a6bdb4_527c6261_26703c0f,
            0x49d6c8af_0f97144a_87df21d9_1472f966,
            0x44173a10_3b6616c5_d5ad1cee_40c863d0,
            0x273c9c4b_27f322e4_e716ef53_a47de7a4,
            0xc6d0e7b2_26259fa9_023490b2_6167ad1d,
            0x1fe89867_13f07c3d_9ae1c163_ff8cf9d3,
            0x8369e1a9_65610be8_87fbd0c7_9162aafb,
            0x0a0127ab_b44484b9_fbef5abc_ae1b579f,
            0xc2cdadc6_402e8ee8_66e1f37b_db47e42c,
            0x26b51ea3_7df8e1d6_f76fc3b6_6a7429b3,
            0xbc768320_5d4f443d_c1f29dda_3315c87b,
            0xd5fa5a34_69d29aaa_f83d2358_9db8c85b,
            0x3fb46e2c_8f0f068e_dce8cdcd_7dfc5862,
        ],
    );
}

#[test]
fn section_2_counting_key_of_80_bits() {
    check::<10>(
        "0102030405060708090a",
        [
            0xede3b046_43e586cc_907dc218_51709902,
            0x03516ba7_8f413beb_223aa5d4_d2df6711,
            0x3cfd6cb5_8ee0fdde_640176ad_0000044d,
            0x48532b21_fb6079c9_114c0ffd_9c04a1ad,
            0x3e8cea98_01710997_9084b1ef_92f99d86,
            0xe20fb49b_db337ee4_8b8d8dc0_f4afeffe,
            0x5c2521ea_cd7966f1_5e056544_bea0d315,
            0xe067a703_1931a246_a6c3875d_2f678acb,
            0xa64f70af_88ae56b6_f87581c0_e23e6b08,
            0xf449031d_e312814e_c6f31929_1f4a0516,
            0xbdae8592_4b3cb1d0_a2e33a30_c6d79599,
            0x8a0feddb_ac865a09_bcd127fb_562ed60a,
            0xb55a0a5b_51a12a8b_e34899c3_e047511a,
            0xd9a09cea_3ce75fe3_96980703_17a71339,
            0x552225ed_1177f445_84ac8cfa_6c4eb5fc,
            0x7e82cbab_fc95381b_08099844_2129c2f8,
            0x1f135ed1_4ce60a91_369d2322_bef25e3c,
            0x08b6be45_124a43e2_eb77953f_84dc8553,
        ],
    );
}

#[test]
fn section_2_counting_key_of_128_bits() {
    check::<16>(
        "0102030405060708090a0b0c0d0e0f10",
        [
            0x9ac7cc9a_609d1ef7_b2932899_cde41b97,
            0x5248c495_9014126a_6e8a84f1_1d1a9e1c,
            0x065902e4_b620f6cc_36c8589f_66432f2b,
            0xd39d566b_c6bce301_07681515_49f3873f,
            0xb6d1e6c4_a5e4771c_ad79538d_f295fb11,
            0xc68c1d5c_559a9741_23df1dbc_52a43b89,
            0xc5ecf88d_e897fd57_fed30170_1b82a259,
            0xeccbe13d_e1fcc91c_11a0b26c_0bc8fa4d,
            0xe7a72574_f8782ae2_6aabcf9e_bcd66065,
            0xbdf0324e_6083dcc6_d3cedd3c_a8c53c16,
            0xb40110c4_190b5622_a96116b0_017ed297,
            0xffa0b514_647ec04f_6306b892_ae661181,
            0xd03d1bc0_3cd33d70_dff9fa5d_71963ebd,
            0x8a441264_11eaa78b_d51e8d87_a8879bf5,
            0xfabeb760_28ade2d0_e48722e4_6c4615a3,
            0xc05d88ab_d50357f9_35a63c59_ee537623,
            0xff38265c_1642c1ab_e8d3c2fe_5e572bf8,
            0xa36a4c30_1ae8ac13_610ccbc1_2256cacc,
        ],
    );
}

#[test]
fn section_2_counting_key_of_192_bits() {
    check::<24>(
        "0102030405060708090a0b0c0d0e0f101112131415161718",
        [
            0x0595e57f_e5f0bb3c_706edac8_a4b2db11,
            0xdfde3134_4a1af769_c74f070a_ee9e2326,
            0xb06b9b1e_195d13d8_f4a7995c_4553ac05,
            0x6bd2378e_c341c9a4_2f37ba79_f88a32ff,
            0xe70bce1d_f7645adb_5d2c4130_215c3522,
            0x9a5730c7_fcb4c9af_51ffda89_c7f1ad22,
            0x0485055f_d4f6f0d9_63ef5ab9_a5476982,
            0x591fc66b_cda10e45_2b03d455_1f6b62ac,
            0x2753cc83_988afa3e_1688a1d3_b42c9a02,
            0x93610d52_3d1d3f00_62b3c2a3_bbc7c7f0,
            0x96c24861_0aadedfe_af8978c0_3de8205a,
            0x0e317b3d_1c73b9e9_a4688f29_6d133a19,
            0xbdf0e6c3_cca5b5b9_d533b69c_56ada120,
            0x88a218b6_e2ece1e6_246d44c7_59d19b10,
            0x6866397e_95c14053_4f942634_21006e40,
            0x32cb0a1e_9542c6b3_b8b398ab_c3b0f1d5,
            0x29a0b8ae_d54a1323_24c62e42_3f54b4c8,
            0x3cb0f3b5_020a98b8_2af9fe15_4484a168,
        ],
    );
}

#[test]
fn section_2_counting_key_of_256_bits() {
    check::<32>(
        "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
        [
            0xeaa6bd25_880bf93d_3f5d1e4c_a2611d91,
            0xcfa45c9f_7e714b54_bdfa8002_7cb14380,
            0x114ae344_ded71b35_f2e60feb_ad727fd8,
            0x02e1e705_6b0f6239_00496422_943e97b6,
            0x91cb93c7_87964e10_d9527d99_9c6f936b,
            0x49b18b42_f8e8367c_beb5ef10_4ba1c7cd,
            0x87084b3b_a700bade_95561067_2745b374,
            0xe7a7b9e9_ec540d5f_f43bdb12_792d1b35,
            0xc799b596_738f6b01_8c76c74b_1759bd90,
            0x7fec5bfd_9f9b89ce_65483090_92d7e958,
            0x40f250b2_6d1f096a_4afd4c34_0a588815,
            0x3e34135c_79db0102_00767651_cf263073,
            0xf656abcc_f88dd827_027b2ce9_17d464ec,
            0x18b62503_bfbc077f_babb98f2_0d98ab34,
            0x8aed95ee_5b0dcbfb_ef4eb21d_3a3f52f9,
            0x625a1ab0_0ee39a53_27346bdd_b01a9c18,
            0xa13a7c79_c7e119b5_ab0296ab_28c300b9,
            0xf3e4c0a2_e02d1d01_f7f0a746_18af2b48,
        ],
    );
}

#[test]
fn section_2_digest_key_of_40_bits() {
    check::<5>(
        "833222772a",
        [
            0x80ad97bd_c973df8a_2e879e92_a497efda,
            0x20f060c2_f2e51265_01d3d4fe_a10d5fc0,
            0xfaa148e9_9046181f_ec6b2085_f3b20ed9,
            0xf0daf5ba_b3d59683_9857846f_73fbfe5a,
            0x1c7e2fc4_639232fe_297584b2_96996bc8,
            0x3db9b249_406cc8ed_ffac55cc_d322ba12,
            0xe4f9f7e0_066154bb_d125b745_569bc897,
            0x75d5ef26_2b44c41a_9cf63ae1_4568e1b9,
            0x6da453db_f81e8233_4a3d8866_cb50a1e3,
            0x7828d074_119cab5c_22b294d7_a9bfa0bb,
            0xadb89cea_9a15fbe6_17295bd0_4b8ca05c,
            0x6251d87f_d4aaae9a_7e4ad5c2_17d3f300,
            0xe7119bd6_dd9b22af_e8f89585_432881e2,
            0x785b60fd_7ec4e9fc_b6545f35_0d660fab,
            0xafecc037_fdb7b083_8eb3d70b_cd268382,
            0xdbc1a7b4_9d57358c_c9fa6d61_d73b7cf0,
            0x6349d126_a37afcba_89794f98_04914fdc,
            0xbf42c301_8c2f7c66_bfde5249_75768115,
        ],
    );
}

#[test]
fn section_2_digest_key_of_56_bits() {
    check::<7>(
        "1910833222772a",
        [
            0xbc9222db_d3274d8f_c66d14cc_bda6690b,
            0x7ae62741_0c9a2be6_93df5bb7_485a63e3,
            0x3f0931aa_03defb30_0f060103_826f2a64,
            0xbeaa9ec8_d59bb681_29f3027c_96361181,
            0x74e04db4_6d28648d_7dee8a00_64b06cfe,
            0x9b5e81c6_2fe023c5_5be42f87_bbf932b8,
            0xce178fc1_826efecb_c182f579_99a46140,
            0x8bdf55cd_55061c06_dba6be11_de4a578a,
            0x626f5f4d_ce652501_f3087d39_c92cc349,
            0x42daac6a_8f9ab9a7_fd137c60_37825682,
            0xcc03fdb7_9192a207_312f53f5_d4dc33d9,
            0xf70f1412_2a1c98a3_155d28b8_a0a8a41d,
            0x2a3a307a_b2708a9c_00fe0b42_f9c2d6a1,
            0x86261762_7d2261ea_b0b12465_97ca0ae9,
            0x55f877ce_4f2e1ddb_bf8e13e2_cde0fdc8,
            0x1b1556cb_935f1733_37705fbb_5d501fc1,
            0xecd0e966_02be7f8d_5092816c_ccf2c2e9,
            0x027881fa_b4993a1c_262024a9_4fff3f61,
        ],
    );
}

#[test]
fn section_2_digest_key_of_64_bits() {
    check::<8>(
        "641910833222772a",
        [
            0xbbf609de_9413172d_07660cb6_80716926,
            0x46101a6d_ab43115d_6c522b4f_e93604a9,
            0xcbe1fff2_1c96f3ee_f61e8fe0_542cbdf0,
            0x347938bf_fa4009c5_12cfb403_4b0dd1a7,
            0x7867a786_d00a7147_904d76dd_f1e520e3,
            0x8d3e9e1c_aefcccb3_fbf8d18f_64120b32,
            0x942337f8_fd76f0fa_e8c52d79_54810672,
            0xb8548c10_f51667f6_e60e182f_a19b30f7,
            0x0211c7c6_190c9efd_1237c34c_8f2e06c4,
            0xbda64f65_276d2aac_b8f90212_203a808e,
            0xbd3820f7_32ffb53e_c193e79d_33e27c73,
            0xd0168616_861907d4_82e36cda_c8cf5749,
            0x97b0f0f2_24b2d231_7114808f_b03af7a0,
            0xe59616e4_69787939_a063ceea_9af956d1,
            0xc47e0dc1_660919c1_1101208f_9e69aa1f,
            0x5ae4f128_96b8379a_2aad89b5_b553d6b0,
            0x6b6b098d_0c293bc2_993d80bf_0518b6d9,
            0x8170cc3c_cd92a698_621b939d_d38fe7b9,
        ],
    );
}

#[test]
fn section_2_digest_key_of_80_bits() {
    check::<10>(
        "8b37641910833222772a",
        [
            0xab65c26e_ddb28760_0db2fda1_0d1e605c,
            0xbb759010_c29658f2_c72d93a2_d16d2930,
            0xb901e803_6ed1c383_cd3c4c4d_d0a6ab05,
            0x3d25ce49_22924c55_f0649433_53d78a6c,
            0x12c1aa44_bbf87e75_e611f69b_2c38f49b,
            0x28f2b343_4b65c098_77470044_c6ea170d,
            0xbd9ef822_de528819_6134cf8a_f7839304,
            0x67559c23_f0521584_70a296f7_25735a32,
            0x8bab26fb_c2c12b0f_13e2ab18_5eabf241,
            0x31185a6d_696f0cfa_9b42808b_38e132a2,
            0x564d3dae_183c5234_c8af1e51_061c44b5,
            0x3c0778a7_b5f72d3c_23a3135c_7d67b9f4,
            0xf3436989_0fcf16fb_517dcaae_4463b2dd,
            0x02f31c81_e8200731_b899b028_e791bfa7,
            0x72da6462_83228c14_30085370_1795616f,
            0x4e0a8c6f_7934a788_e2265e81_d6d0c8f4,
            0x438dd5ea_fea0111b_6f36b4b9_38da2a68,
            0x5f6bfc73_815874d9_7100f086_979357d8,
        ],
    );
}

#[test]
fn section_2_digest_key_of_128_bits() {
    check::<16>(
        "ebb46227c6cc8b37641910833222772a",
        [
            0x720c94b6_3edf44e1_31d950ca_211a5a30,
            0xc366fdea_cf9ca804_36be7c35_8424d20b,
            0xb3394a40_aabf75cb_a42282ef_25a0059f,
            0x4847d81d_a4942dbc_249defc4_8c922b9f,
            0x08128c46_9f275342_adda202b_2b58da95,
            0x970dacef_40ad9872_3bac5d69_55b81761,
            0x3cb89993_b07b0ced_93de13d2_a11013ac,
            0xef2d676f_1545c2c1_3dc680a0_2f4adbfe,
            0xb6059551_4f24bc9f_e522a6ca_d7393644,
            0xb515a8c5_011754f5_9003058b_db81514e,
            0x3c70047e_8cbc038e_3b9820db_601da495,
            0x1175da6e_e756de46_a53e2b07_5660b770,
            0x00a542bb_a02111cc_2c65b38e_bdba587e,
            0x5865fdbb_5b480641_04e830b3_80f2aede,
            0x34b21ad2_ad44e999_db2d7f08_63f0d9b6,
            0x84a9218f_c36e8a5f_2ccfbeae_53a27d25,
            0xa2221a11_b833ccb4_98a59540_f0545f4a,
            0x5bbeb478_7d59e537_3fdbea6c_6f75c29b,
        ],
    );
}

#[test]
fn section_2_digest_key_of_192_bits() {
    check::<24>(
        "c109163908ebe51debb46227c6cc8b37641910833222772a",
        [
            0x54b64e6b_5a20b5e2_ec84593d_c7989da7,
            0xc135eee2_37a85465_ff97dc03_924f45ce,
            0xcfcc922f_b4a14ab4_5d6175aa_bbf2d201,
            0x837b87e2_a446ad0e_f798acd0_2b94124f,
            0x17a6dbd6_64926a06_36b3f4c3_7a4f4694,
            0x4a5f9f26_aeeed4d4_a25f632d_305233d9,
            0x80a3d01e_f00c8e9a_4209c17f_4eeb358c,
            0xd15e7d5f_faaabc02_07bf200a_117793a2,
            0x349682bf_588eaa52_d0aa1560_346aeafa,
            0xf5854cdb_76c889e3_ad63354e_5f7275e3,
            0x532c7cec_cb39df32_36318405_a4b1279c,
            0xbaefe6d9_ceb65184_2260e0d1_e05e3b90,
            0xe82d8c6d_b54e3c63_3f581c95_2ba04207,
            0x4b16e50a_bd381bd7_0900a9cd_9a62cb23,
            0x3682ee33_bd148bd9_f58656cd_8f30d9fb,
            0x1e5a0b84_75045d9b_20b26286_24edfd9e,
            0x63edd684_fb826282_fe528f9c_0e9237bc,
            0xe4dd2e98_d6960fae_0b435454_56743391,
        ],
    );
}

#[test]
fn section_2_digest_key_of_256_bits() {
    check::<32>(
        "1ada31d5cf688221c109163908ebe51debb46227c6cc8b37641910833222772a",
        [
            0xdd5bcb00_18e922d4_94759d7c_395d02d3,
            0xc8446f8f_77abf737_685353eb_89a1c9eb,
            0xaf3e30f9_c0950459_38151575_c3fb9098,
            0xf8cb6274_db99b80b_1d2012a9_8ed48f0e,
            0x25c3005a_1cb85de0_76259839_ab7198ab,
            0x9dcbc183_e8cb994b_727b75be_3180769c,
            0xa1d3078d_fa916950_3ed9d449_1dee4eb2,
            0x8514a549_5858096f_596e4bcd_66b10665,
            0x5f40d59e_c1b03b33_738efa60_b2255d31,
            0x3477c7f7_64a41bac_eff90bf1_4f92b7cc,
            0xac4e9536_8d99b9eb_78b8da8f_81ffa795,
            0x8c3c13f8_c2388bb7_3f38576e_65b7c446,
            0x13c4b9c1_dfb66579_eddd8a28_0b9f7316,
            0xddd27820_55012669_8efaadc6_4b64f66e,
            0xf08f2e66_d28ed143_f3a237cf_9de73559,
            0x9ea36c52_5531b880_ba124334_f57b0b70,
            0xd5a39e3d_fcc50280_bac4a6b5_aa0dca7d,
            0x370b1c1f_e655916d_97fd0d47_ca1d72b8,
        ],
    );
}
