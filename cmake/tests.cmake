# Every test there is, found by folder and labelled: unit, checks, scenario, behaviour, clients, fuzz. In a sanitizer
# build the same tests carry the sanitizer's name instead (asan.unit.core.money, label asan), so that one ctest run can
# hold all builds. COST orders a parallel run: fast labels first.
find_package(doctest REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(TALON_TEST_ENVIRONMENT "TALON_BIN=${PROJECT_BINARY_DIR}/talon" "TALON_SIMULATOR=${PROJECT_BINARY_DIR}/simulator"
    "TALON_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "TALON_BUILD_DIR=${PROJECT_BINARY_DIR}" PYTHONDONTWRITEBYTECODE=1)
find_program(TALON_SYMBOLIZER NAMES llvm-symbolizer-19)
if(TALON_SANITIZE)
    list(APPEND TALON_TEST_ENVIRONMENT "TALON_SANITIZE=${TALON_SANITIZE}" TALON_CRASH_ROUNDS=10
        # A small quarantine: tests that bound memory would count what was freed.
        "ASAN_OPTIONS=abort_on_error=1:quarantine_size_mb=8:detect_stack_use_after_return=1:external_symbolizer_path=${TALON_SYMBOLIZER}"
        "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:external_symbolizer_path=${TALON_SYMBOLIZER}"
        "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:external_symbolizer_path=${TALON_SYMBOLIZER}")
endif()

# A disk that fails when told to, for behaviour tests (LD_PRELOAD). Not in a sanitizer build: its runtime must come first.
if(NOT TALON_SANITIZE)
    add_library(faultfs SHARED tests/lib/faultfs.cpp)
    target_link_libraries(faultfs PRIVATE ${CMAKE_DL_LIBS})
    set_target_properties(faultfs PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    list(APPEND TALON_TEST_ENVIRONMENT "TALON_FAULTFS=$<TARGET_FILE:faultfs>")
endif()

set(talon_cost_unit 90)
set(talon_cost_fuzz 80)
set(talon_cost_checks 70)
set(talon_cost_scenario 60)
set(talon_cost_behaviour 50)
set(talon_cost_clients 40)
set(talon_cost_asan 20)
set(talon_cost_tsan 10)

# talon_test(LABEL NAME SOURCE COMMAND...): SOURCE may carry a line "ctest: serial" (owns the machine while it runs) or
# "ctest: timeout=SECONDS" in its first lines.
function(talon_test label name source)
    set(timeout 300)
    set(serial OFF)
    set_property(GLOBAL PROPERTY talon_last_test "")
    if(source)
        file(STRINGS "${source}" notes REGEX "^(#|//) ctest: " LIMIT_INPUT 4000)
        if(notes MATCHES "timeout=([0-9]+)")
            set(timeout ${CMAKE_MATCH_1})
        endif()
        if(notes MATCHES "serial")
            set(serial ON)
        endif()
    endif()
    set(cost ${talon_cost_${label}})
    set(full "${label}.${name}")
    set_property(GLOBAL APPEND PROPERTY talon_all_tests ${full})
    if(TALON_SANITIZE STREQUAL "asan")
        # The auditor's table is thousands of processes; the same verifier goes through its own table in unit.vault.
        if(NOT label MATCHES "^(unit|behaviour|scenario|fuzz)$" OR full MATCHES "^behaviour\\.auditor\\.")
            return()
        endif()
    elseif(TALON_SANITIZE STREQUAL "tsan")
        # What has threads in it: the journal, the snapshot swap, and load through the real binary.
        if(NOT full MATCHES "^unit\\..*(journal|snapshot|key_table)|^behaviour\\..*load")
            return()
        endif()
    endif()
    if(TALON_SANITIZE)
        set(full "${TALON_SANITIZE}.${full}")
        set(label ${TALON_SANITIZE})
        set(cost ${talon_cost_${TALON_SANITIZE}})
        math(EXPR timeout "${timeout} * 4")
    endif()
    add_test(NAME ${full} COMMAND ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}/tests")
    set_tests_properties(${full} PROPERTIES LABELS ${label} TIMEOUT ${timeout} COST ${cost} RUN_SERIAL ${serial}
        ENVIRONMENT "${TALON_TEST_ENVIRONMENT}")
    set_property(GLOBAL PROPERTY talon_last_test ${full})
    if(TALON_SANITIZE)
        set_tests_properties(${full} PROPERTIES FIXTURES_REQUIRED ${TALON_SANITIZE})
    endif()
endfunction()

# Unit tests: one doctest binary per room, one ctest test per source file. tests/unit/main.cpp brings doctest's main.
foreach(room core vault gateway cli)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests/unit/${room}/*.cpp")
    talon_executable(unit_${room} tests/unit/main.cpp ${sources})
    target_link_libraries(unit_${room} PRIVATE talon_${room} doctest::doctest fmt::fmt nlohmann_json::nlohmann_json)
    target_compile_definitions(unit_${room} PRIVATE TALON_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    foreach(source IN LISTS sources)
        file(STRINGS "${PROJECT_SOURCE_DIR}/${source}" cases REGEX "^ *(TEST_CASE|SCENARIO)" LIMIT_COUNT 1)
        if(NOT cases) # helpers
            continue()
        endif()
        string(REGEX REPLACE "^tests/unit/${room}/(test_)?(.*)\\.cpp$" "\\2" name "${source}")
        string(REPLACE "/" "." name "${name}")
        talon_test(unit ${room}.${name} "${PROJECT_SOURCE_DIR}/${source}" unit_${room} "--source-file=*${source}")
        get_property(registered GLOBAL PROPERTY talon_last_test)
        if(registered) # doctest is content when a filter selects nothing; we are not
            set_tests_properties(${registered} PROPERTIES FAIL_REGULAR_EXPRESSION "test cases: +0 ")
        endif()
    endforeach()
endforeach()
target_link_libraries(unit_vault PRIVATE lmdb::lmdb sodium::sodium OpenSSL::Crypto)
target_link_libraries(unit_gateway PRIVATE talon_asio)

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/simulator/*.cpp")
if(sources)
    talon_executable(simulator ${sources})
    target_link_libraries(simulator PRIVATE talon_asio fmt::fmt)
    set_target_properties(simulator PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
endif()

# Fuzz targets: each tests/fuzz/NAME.cpp defines LLVMFuzzerTestOneInput. Built always as a replayer of its kept corpus,
# and with -DTALON_FUZZ=ON as a libFuzzer binary too.
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/fuzz/*.cpp")
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    talon_executable(replay_${name} tests/fuzz/replay/main.cpp "${source}")
    target_link_libraries(replay_${name} PRIVATE talon_cli)
    talon_test(fuzz ${name} "${source}" replay_${name} "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name}")
    if(TALON_FUZZ)
        talon_executable(fuzz_${name} "${source}")
        target_link_libraries(fuzz_${name} PRIVATE talon_cli)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    endif()
endforeach()
if(TALON_FUZZ)
    target_compile_options(talon_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/bench/*.cpp")
if(TALON_SANITIZE)
    set(sources "") # nobody measures a sanitizer
endif()
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    talon_executable(bench_${name} "${source}")
    target_link_libraries(bench_${name} PRIVATE talon_gateway talon_asio fmt::fmt)
endforeach()

foreach(folder behaviour auditor)
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${folder}/test_*.py")
    foreach(source IN LISTS sources)
        get_filename_component(module "${source}" NAME_WE)
        string(REGEX REPLACE "^test_" "" name "${module}")
        if(folder STREQUAL "auditor")
            set(name "auditor.${name}")
        endif()
        talon_test(behaviour ${name} "${source}"
            "${CMAKE_COMMAND}" -E chdir "${PROJECT_SOURCE_DIR}/tests/${folder}" "${Python3_EXECUTABLE}" -B -m unittest -v ${module})
    endforeach()
endforeach()

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/scenarios/*.txt")
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    talon_test(scenario ${name} "" "${Python3_EXECUTABLE}" -B "${PROJECT_SOURCE_DIR}/tests/scenarios/run.py" "${source}")
endforeach()

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/guides/*.guide")
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    talon_test(scenario guide.${name} "" "${Python3_EXECUTABLE}" -B "${PROJECT_SOURCE_DIR}/tests/guides/run.py" "${source}")
endforeach()

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/clients/*.sh")
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    talon_test(clients ${name} "${source}" bash "${source}")
endforeach()

# Checks of the tree itself: each script of tests/checks is one test.
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/checks/*.sh" "${PROJECT_SOURCE_DIR}/tests/checks/*.py")
list(FILTER sources EXCLUDE REGEX "/lib\\.sh$")
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    talon_test(checks ${name} "${source}" "${source}")
endforeach()

if(TALON_SANITIZE)
    # The sanitizer build is a test itself, so that in one ctest run over all builds (tests/run) the tests of the release
    # build go before it. Where those are not part of the run, their names are ignored.
    get_property(earlier GLOBAL PROPERTY talon_all_tests)
    list(FILTER earlier EXCLUDE REGEX "^clients\\.")
    if(TALON_SANITIZE STREQUAL "tsan")
        list(APPEND earlier asan.build)
        get_property(here DIRECTORY PROPERTY TESTS)
        foreach(subject journal snapshot key_table load) # a renamed test must not leave ThreadSanitizer without work unseen
            if(NOT here MATCHES "tsan\\.[^;]*${subject}")
                add_test(NAME tsan.${subject}.missing COMMAND "${CMAKE_COMMAND}" -E false)
                set_tests_properties(tsan.${subject}.missing PROPERTIES LABELS tsan)
            endif()
        endforeach()
    endif()
    set(targets all)
    if(TALON_SANITIZE STREQUAL "tsan")
        set(targets talon simulator unit_vault unit_gateway)
    endif()
    add_test(NAME ${TALON_SANITIZE}.build COMMAND "${CMAKE_COMMAND}" --build "${PROJECT_BINARY_DIR}" --target ${targets})
    set_tests_properties(${TALON_SANITIZE}.build PROPERTIES LABELS ${TALON_SANITIZE} FIXTURES_SETUP ${TALON_SANITIZE}
        TIMEOUT 1800 PROCESSORS 2 DEPENDS "${earlier}")
endif()
